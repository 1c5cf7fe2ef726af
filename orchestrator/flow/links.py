"""The links of a message back to the shop: opaque, signed, and without personal data."""

import hmac
import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links. `secret` is the deployment's own."""

    base_url: str
    secret: bytes

    def token(self, message_id: int, target: str = "") -> str:
        """Names a message, and a target's key; nobody can make one without the secret."""
        signature = _signature(self.secret, _named(message_id, target))
        return f"{target}-{message_id}.{signature}" if target else f"{message_id}.{signature}"

    def unsubscribe(self, message_id: int) -> str:
        """One tap ends all marketing on this channel (RFC 8058 wants the link in the header)."""
        return f"{self._base}/u/{self.token(message_id)}"

    def preferences(self, message_id: int) -> str:
        """Where the customer changes wishes: topics, channels, times."""
        return f"{self._base}/p/{self.token(message_id)}"

    def opened(self, message_id: int) -> str:
        """A picture of nothing, which tells that the message was shown."""
        return f"{self._base}/o/{self.token(message_id)}"

    def clicked(self, message_id: int, target: str) -> str:
        """Leads to the address that is kept under the key `target`."""
        return f"{self._base}/c/{self.token(message_id, target)}"

    def read(self, token: str, target: str = "") -> int | None:
        """The message that a token names; None unless we have made it, for this target."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        message_id = int(parts[1])
        wanted = _signature(self.secret, _named(message_id, target))
        return message_id if hmac.compare_digest(parts[2], wanted) else None

    def read_click(self, token: str) -> tuple[int, str] | None:
        """The message and the target's key that a link names."""
        head, _, tail = token.partition("-")
        message_id = self.read(tail, head) if _KEY.fullmatch(head) else None
        return None if message_id is None else (message_id, head)

    @property
    def _base(self) -> str:
        return self.base_url.rstrip("/")


_TOKEN = re.compile(r"([1-9][0-9]{0,17})\.([0-9a-f]{32})")
_KEY = re.compile("[0-9a-f]{16}")


def _named(message_id: int, target: str) -> str:
    return f"message:{message_id}:{target}" if target else f"message:{message_id}"


@lru_cache(maxsize=16)  # a message has several links, one after the other
def _signature(secret: bytes, named: str) -> str:
    signed = _keyed(secret).copy()
    signed.update(named.encode())
    return signed.hexdigest()[:32]


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """What concerns the key alone, worked out once."""
    return hmac.new(secret, digestmod="sha256")


def unsubscribe_headers(url: str) -> tuple[tuple[str, str], ...]:
    """What mailbox providers ask of all marketing (RFC 8058; Gmail and Yahoo since 2024)."""
    return (
        ("List-Unsubscribe", f"<{url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )

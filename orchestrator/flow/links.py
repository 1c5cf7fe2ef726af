"""The links of a message back to the shop: opaque, signed, and without personal data."""

import hmac
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links. `secret` is the deployment's own."""

    base_url: str
    secret: bytes

    def token(self, message_id: int) -> str:
        """Names a message; nobody can make one without the secret."""
        return f"{message_id}.{self._signature(message_id)}"

    def unsubscribe(self, message_id: int) -> str:
        """One tap ends the topic on this channel (RFC 8058 wants the same link in the header)."""
        return f"{self._base}/u/{self.token(message_id)}"

    def preferences(self, message_id: int) -> str:
        """Where the customer changes wishes: topics, channels, times."""
        return f"{self._base}/p/{self.token(message_id)}"

    @property
    def _base(self) -> str:
        return self.base_url.rstrip("/")

    def _signature(self, message_id: int) -> str:
        return _signature(self.secret, message_id)


@lru_cache(maxsize=16)  # a message has several links, one after the other
def _signature(secret: bytes, message_id: int) -> str:
    return hmac.digest(secret, f"message:{message_id}".encode(), "sha256").hex()[:32]


def unsubscribe_headers(url: str) -> tuple[tuple[str, str], ...]:
    """What mailbox providers ask of all marketing (RFC 8058; Gmail and Yahoo since 2024)."""
    return (
        ("List-Unsubscribe", f"<{url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )

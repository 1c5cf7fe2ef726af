"""Who may use the console: whoever has its key, and says a name that goes on record.

A browser gets a cookie for a working day. It holds no secret: the name, when it ends, and a
signature that only the key can make, so that nothing is kept here and another key ends them all. A
form carries a second signature, which a page of somebody else's cannot have.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.model.errors import Broken

KEY_LENGTH_MIN = 24
SESSION = timedelta(hours=12)
NAME_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has come in; `form` is what their forms carry."""

    name: str
    form: str


class Guard:
    """Knows the key. Raises Broken for one that could be guessed."""

    def __init__(self, key: str) -> None:
        if len(key) < KEY_LENGTH_MIN:
            raise Broken(
                f"the console's key is shorter than {KEY_LENGTH_MIN}; set TACTFUL_CONSOLE_KEY"
            )
        self._key = key.encode()

    def is_key(self, given: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(given.encode(errors="replace"), self._key)

    def begin(self, name: str, now: datetime) -> str:
        """A cookie for somebody who has given the key."""
        packed = base64.urlsafe_b64encode(name[:NAME_CHARS_MAX].encode()).decode()
        said = f"{int((now + SESSION).timestamp())}.{packed}"
        return f"{said}.{self._signed('session', said)}"

    def session(self, cookie: str, now: datetime) -> Session | None:
        """Whose cookie it is; None where it is none of ours, or has ended."""
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(
            signature.encode(errors="replace"), self._signed("session", said).encode()
        ):
            return None
        ends, _, packed = said.partition(".")
        if now >= datetime.fromtimestamp(int(ends), UTC):
            return None
        return Session(_unpacked(packed), self._signed("form", said))

    def is_form_of(self, session: Session, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(given.encode(errors="replace"), session.form.encode())

    def _signed(self, what: str, said: str) -> str:
        return hmac.new(self._key, f"{what}|{said}".encode(errors="replace"), "sha256").hexdigest()


def _unpacked(packed: str) -> str:
    try:
        return base64.urlsafe_b64decode(packed).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""

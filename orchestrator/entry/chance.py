"""What must be new each time, and not to be guessed."""

from secrets import token_hex, token_urlsafe

from orchestrator.store.deployment import Deployment


def new_token() -> str:
    """A name for one claim, that nobody else makes."""
    return token_hex(12)


def new_deployment() -> Deployment:
    """The id and the secret of a database that is new."""
    return Deployment(id=f"t{token_hex(6)}", secret=token_urlsafe(32))

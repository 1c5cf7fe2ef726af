"""What a check finds: where in the values, what is wrong, and how to mend it."""

from dataclasses import dataclass

from orchestrator.model.condition import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path of a campaign or of `shop.yaml`.

    A `warning` is right as it stands, but may not be what was meant. `key`: the key is at fault,
    not its value.
    """

    path: Path
    what: str
    fix: str = ""
    warning: bool = False
    key: bool = False

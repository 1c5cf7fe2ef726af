"""The one base of everything that is written in YAML."""

from pydantic import BaseModel, ConfigDict


class Written(BaseModel):
    """A piece of a campaign or of `shop.yaml`: frozen, and no unknown key passes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        coerce_numbers_to_str=True,  # `ids: [1082185]` and `sender: 12345` are texts all the same
    )

"""Settings of a channel: what may be shown from YAML, secrets from the environment or a file.

The field `password` of the channel `email_smtp` is read from `TACTFUL_EMAIL_SMTP_PASSWORD`, or
from the file that `TACTFUL_EMAIL_SMTP_PASSWORD_FILE` names. The environment wins over YAML for
the other fields too, so that one `shop.yaml` serves a rehearsal and the real thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import SecretBytes, SecretStr, ValidationError

from channels.contract import Channel, ChannelSettings

S = TypeVar("S", bound=ChannelSettings)
_SECRET_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One wrong setting. `field` is empty when it is about several."""

    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        said = f"{self.field}: {self.what}" if self.field else self.what
        return f"{said} ({self.fix})" if self.fix else said


def load_settings(
    cls: type[Channel[S]], written: Mapping[str, object], environ: Mapping[str, str]
) -> S | list[SettingProblem]:
    """The settings of a channel from `written` (as in YAML) and `environ`, or all that is wrong."""
    model = cls.Settings
    values = dict(written)
    problems: list[SettingProblem] = []
    for field, info in model.model_fields.items():
        variable = f"TACTFUL_{cls.name}_{field}".upper()
        if _is_secret(info.annotation) and field in values:
            del values[field]
            fix = f"set {variable} or {variable}_FILE, and change the secret: it was seen"
            problems.append(SettingProblem(field, "a secret does not belong in YAML", fix))
        value = _from_environment(variable, environ)
        if isinstance(value, SettingProblem):
            problems.append(SettingProblem(field, value.what, value.fix))
        elif value is not None:
            values[field] = value
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        said = {one.field for one in problems}
        problems += [one for one in _in_words(cls, error) if one.field not in said]
        return problems
    return problems or settings  # type: ignore[return-value]  # Settings is the S of its channel


def _in_words(cls: type[Channel[Any]], error: ValidationError) -> list[SettingProblem]:
    problems = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(map(str, fault["loc"]))
        known = ", ".join(cls.Settings.model_fields)
        fix = f"{cls.name} knows: {known}" if fault["type"] == "extra_forbidden" else ""
        what = fault["msg"].removeprefix("Value error, ")  # pydantic's words before a plugin's own
        if fault["type"] == "missing":
            what = "is not set"
        problems.append(SettingProblem(field, what, fix))
    return problems


def _from_environment(variable: str, environ: Mapping[str, str]) -> str | SettingProblem | None:
    file = environ.get(f"{variable}_FILE")
    if variable in environ:
        if file is not None:
            return SettingProblem("", f"both {variable} and {variable}_FILE are set", "unset one")
        return environ[variable]
    if file is None:
        return None
    try:
        with Path(file).open("rb") as opened:
            raw = opened.read(_SECRET_BYTES_MAX + 1)
        if len(raw) > _SECRET_BYTES_MAX:
            return SettingProblem("", f"{variable}_FILE is over {_SECRET_BYTES_MAX} bytes", "")
        # Editors and `echo` end a file with a line end, which is no part of a password.
        return raw.decode().rstrip("\r\n")
    except (OSError, ValueError) as error:
        what = f"{variable}_FILE cannot be read: {type(error).__name__}"
        return SettingProblem("", what, "name a readable file of UTF-8 text")


def _is_secret(annotation: object) -> bool:
    if annotation in (SecretStr, SecretBytes):
        return True
    return any(_is_secret(argument) for argument in get_args(annotation))

"""Bytes of a file to its text, or what is wrong with them."""

from pathlib import Path

from orchestrator.model.problem import Problem

YAML_BYTES_MAX = 256 * 1024
TEMPLATE_BYTES_MAX = 512 * 1024
"""Mail readers cut a message off at a fifth of this."""

_SHOWN = "\t\n"


def read_text(path: Path, name: str, *, file_bytes_max: int) -> str | Problem:
    """The text of a file, its lines ended by a newline alone; `name` stands in the problem.

    Never raises for what is in the file, or because it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(file_bytes_max + 1)
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        return Problem(name, 0, 0, f"cannot be read: {why}", "is it a file, and may it be read?")
    if len(data) > file_bytes_max:
        return Problem(
            name, 0, 0, f"is larger than {file_bytes_max // 1024} KiB", "split it, or take out data"
        )
    return decode(data, name)


def decode(data: bytes, name: str) -> str | Problem:
    """UTF-8 and nothing else; a byte order mark at the beginning is forgiven."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].removeprefix(b"\xef\xbb\xbf")
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        return Problem(name, line, column, "is not UTF-8 here", "save the file as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for at, letter in enumerate(text):
        if not letter.isprintable() and letter not in _SHOWN and _is_control(letter):
            line = text.count("\n", 0, at) + 1
            column = at - text.rfind("\n", 0, at)
            what = f"has a character that cannot be seen (U+{ord(letter):04X})"
            return Problem(name, line, column, what, "take it out")
    return text


def _is_control(letter: str) -> bool:
    code = ord(letter)
    return code < 0x20 or 0x7F <= code < 0xA0 or code in (0xFEFF, 0xFFFE, 0xFFFF, 0x2028, 0x2029)

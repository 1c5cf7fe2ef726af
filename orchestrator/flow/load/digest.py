"""The address of a content: the same text, the same address, on every machine."""

import json
from collections.abc import Mapping
from hashlib import sha256


def digest(files: Mapping[str, str], *more: str) -> str:
    """SHA-256, in hexadecimal, of the names and texts of files and whatever else belongs."""
    content = json.dumps([sorted(files.items()), more], ensure_ascii=False, separators=(",", ":"))
    return sha256(content.encode()).hexdigest()

"""What somebody sends: read as it comes, and no more of it than there may be."""

import zlib

from starlette.requests import ClientDisconnect, Request


class TooLarge(Exception):
    """There is more than may be."""


class Unreadable(Exception):
    """It ended too early, or is packed in a way that nobody can open."""


async def read_body(request: Request, bytes_max: int, *, packed: bool = False) -> bytes:
    """The body; with `packed`, also one in gzip, of `bytes_max` once it is unpacked.

    Raises TooLarge as soon as there is too much, and Unreadable.
    """
    unpack = _unpacker(request) if packed else None
    found = bytearray()
    try:
        async for part in request.stream():
            found += part if unpack is None else _some(unpack, part, bytes_max + 1 - len(found))
            if len(found) > bytes_max:
                raise TooLarge
    except ClientDisconnect:
        raise Unreadable from None
    except zlib.error:
        raise Unreadable from None
    if unpack is not None and not unpack.eof:
        raise Unreadable
    return bytes(found)


def _unpacker(request: Request) -> "zlib._Decompress | None":
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in ("gzip", "x-gzip"):
        raise Unreadable
    return zlib.decompressobj(wbits=31)


def _some(unpack: "zlib._Decompress", part: bytes, bytes_max: int) -> bytes:
    """A bomb is not unpacked any further than it may be."""
    return b"" if unpack.eof else unpack.decompress(part, max(bytes_max, 1))

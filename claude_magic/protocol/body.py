"""How does a request's body reach the wire without being held in memory?

A `Body` is a list of parts, each bytes or a file, read anew for every send. A form is one of them
(https://www.rfc-editor.org/rfc/rfc7578), and so is JSON with a long list in it.
"""

from __future__ import annotations

import io
import mimetypes
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import IO, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import InputError, telling
from claude_magic.protocol import writing

PIECE = 256 * 2**10  # bytes read, sent and unpacked at a time
IN_MEMORY = 8 * 2**20  # bytes kept in memory before a disk takes the rest
LONGEST = 501 * 2**20  # bytes of what can be read only once: more than any call takes
ANY_TYPE = "application/octet-stream"
TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
KINDS = "Give a path, bytes, an open file or a DataFrame."


class Content(NamedTuple):
    """What a part of a body holds: a path, or an open file from where it stands; `size` in bytes."""

    source: Path | IO[bytes]
    size: int
    start: int = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes a piece at a time; raises InputError when the file is no longer what it was."""
        source, left = self.source, self.size
        with _reading(source), source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
            file.seek(self.start)
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise InputError("A file became shorter while it was sent", hint="Send it again.")
                left -= len(piece)
                yield piece


def held(data: bytes) -> Content:
    """Return bytes as what a part holds."""
    return Content(io.BytesIO(data), len(data))


def _reading(source: Any) -> AbstractContextManager[None]:
    name = source if isinstance(source, Path) else getattr(source, "name", "The file")
    return telling(f"{name} cannot be read", KINDS)


class Body:
    """A body of known size, in bytes, that can be sent again: iterating reads it from its start.

    `held` is the size of what was given to be sent, without what a form puts around it.
    """

    def __init__(self, parts: Iterable[bytes | Content], kind: str = "application/json") -> None:
        self.parts, self.kind = list(parts), kind
        self.held = sum(part.size for part in self.parts if isinstance(part, Content))

    def __len__(self) -> int:
        return self.held + sum(len(part) for part in self.parts if isinstance(part, bytes))

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            yield from part.pieces() if isinstance(part, Content) else (part,)


class Part(NamedTuple):
    """A file of a form: the name the server is told, its content, its MIME type, and further headers."""

    filename: str
    content: Content
    mime_type: str
    headers: Mapping[str, str] | None = None


def part(value: Any, filename: str | None = None, mime_type: str | None = None) -> Part:
    """Return a file to upload: a path, bytes, an open file, a frame (CSV, Parquet), or (name, any of these).

    As in the official SDK a tuple is (name, content, MIME type, headers). Raises InputError for anything
    else, and for a path where no file is.
    """
    if isinstance(value, Part):
        return value
    if isinstance(value, tuple) and 2 <= len(value) <= 4 and isinstance(value[0], str | None):
        name, inner, kind, headers = (*value, None, None)[:4]
        return part(inner, filename or name, mime_type or kind)._replace(headers=headers)
    name, content = _content(value, filename)
    kind = mime_type or mimetypes.guess_type(name)[0] or ANY_TYPE
    if not TYPE.fullmatch(kind):
        raise InputError(f"{kind!r} is not a MIME type", hint='Give one such as "text/csv".')
    return Part(name, content, kind)


def _content(value: Any, filename: str | None) -> tuple[str, Content]:
    if isinstance(value, str | os.PathLike):
        path = Path(os.fsdecode(value))
        return filename or path.name, _file(path)
    if isinstance(value, bytes | bytearray | memoryview):
        return filename or "upload", held(bytes(value))
    if hasattr(value, "read"):
        return filename or Path(str(getattr(value, "name", ""))).name or "upload", _open(value)
    name = filename or "data.csv"
    return name, held(writing.frame(value, name, KINDS))


def _file(path: Path) -> Content:
    with _reading(path):
        path = path.expanduser()
        if not path.is_file():
            what = "is no file" if path.exists() else "does not exist"
            raise InputError(f"{path} {what}", hint="Give the path of a file.")
        return Content(path, path.stat().st_size)


def _open(file: Any) -> Content:
    """Return an open file from where it stands; text, and what cannot go back, is copied first."""
    with _reading(file):
        if isinstance(file.read(0), str):
            return held(file.read().encode())
        with suppress(OSError, AttributeError):
            start = file.tell()
            size = file.seek(0, os.SEEK_END) - start
            file.seek(start)
            return Content(file, max(size, 0), start)
        return spooled(iter(lambda: file.read(PIECE), b""))


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that goes with the body it belongs to."""

    def __del__(self) -> None:
        self.close()


def spooled(pieces: Iterable[bytes]) -> Content:
    """Copy pieces to a place that can be read again: memory at first, then an unnamed file."""
    spool, size = _Spool(max_size=IN_MEMORY), 0
    for piece in pieces:
        size += len(piece)
        if size > LONGEST:
            raise InputError("There is more to send than any call takes", hint="Send less at a time.")
        with telling("There is no room for what is to be sent", "Set TMPDIR to a roomier place."):
            spool.write(piece)
    return Content(spool, size)


def encoded(value: Any, what: str = "A parameter") -> bytes:
    """Return a value as JSON; raises InputError where `what` it is cannot be sent so."""
    try:
        data = wire.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be sent as JSON: {error}", hint="Send plain JSON values.") from None
    if b"null" in data and _holds_nan(value):  # which would be sent as null
        text = f"{what} holds NaN or infinity, which JSON does not have"
        raise InputError(text, hint="Send None, or leave it out.")
    return data


def _holds_nan(value: Any) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    inside = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, Mapping | list | tuple) and any(map(_holds_nan, inside))


def json_list(values: Iterable[bytes]) -> Content:
    """Return a JSON list, to stand in an object; its values are JSON already, and taken one by one."""
    listed = (b"," + value if n else value for n, value in enumerate(values))
    return spooled(chain((b"[",), listed, (b"]",)))


def json_object(fields: Mapping[str, Any]) -> Body:
    """Return a JSON object, some of whose values may be `Content` that is JSON already."""
    parts: list[bytes | Content] = []
    for name, value in fields.items():
        parts.append((b"," if parts else b"{") + encoded(name) + b":")
        parts.append(value if isinstance(value, Content) else encoded(value))
    return Body([*parts, b"}"])


def form(fields: Mapping[str, Any], files: Iterable[tuple[str, Part]]) -> Body:
    """Return a form of fields and files, in this order; a field that is None is left out."""
    mark = secrets.token_hex(16)
    parts: list[bytes | Content] = []
    for name, value in fields.items():
        if value is not None:
            text = value if isinstance(value, str) else encoded(value).decode()
            parts += [_head(mark, {"name": name}, {}), text.encode(errors="replace"), b"\r\n"]
    for name, file in files:
        headers = {"Content-Type": file.mime_type, **(file.headers or {})}
        parts += [_head(mark, {"name": name, "filename": file.filename}, headers), file.content, b"\r\n"]
    parts.append(f"--{mark}--\r\n".encode())
    return Body(parts, f"multipart/form-data; boundary={mark}")


def _head(mark: str, names: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    # quoted as browsers do: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
    quoted = (key + '="' + _line(value).replace('"', "%22") + '"' for key, value in names.items())
    headers = {"Content-Disposition": "; ".join(("form-data", *quoted)), **headers}
    lines = (f"{_line(key)}: {_line(value)}\r\n" for key, value in headers.items())
    return f"--{mark}\r\n{''.join(lines)}\r\n".encode(errors="replace")


def _line(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A")

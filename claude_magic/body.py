"""How does a request's body reach the wire without being held in memory?

A `Body` is a list of parts, each bytes or a file, read anew for every send. A form is one of them
(https://www.rfc-editor.org/rfc/rfc7578), and so are many JSON values one after the other.
"""

from __future__ import annotations

import io
import mimetypes
import os
import secrets
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PIECE = 256 * 2**10  # bytes read at a time
IN_MEMORY = 8 * 2**20  # bytes kept in memory before a disk takes the rest
ANY_TYPE = "application/octet-stream"


class Body:
    """A body of known length, in bytes, that can be sent again: iterating reads it from its start."""

    def __init__(self, parts: Iterable[bytes | Content], kind: str = "application/json") -> None:
        self.parts, self.kind = list(parts), kind
        self.size = sum(len(part) if isinstance(part, bytes) else part.size for part in self.parts)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.pieces()


class Content(NamedTuple):
    """What a part of a form holds: bytes, a path, or an open file from where it stands; `size` in bytes."""

    source: bytes | Path | IO[bytes]
    size: int
    start: int = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes a piece at a time; raises InputError when a file is not as long as it was."""
        if isinstance(self.source, bytes):
            yield self.source
            return
        file = self.source.open("rb") if isinstance(self.source, Path) else self.source
        try:
            file.seek(self.start)
            left = self.size
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise InputError("A file became shorter while it was sent", hint="Upload it again.")
                left -= len(piece)
                yield piece
        finally:
            if isinstance(self.source, Path):
                file.close()


class Part(NamedTuple):
    """A file of a form: the name the server is told, its content and its MIME type."""

    filename: str
    content: Content
    mime_type: str


def part(value: Any, filename: str | None = None, mime_type: str | None = None) -> Part:
    """Return a file to upload: a path, bytes, an open file, a frame (CSV, Parquet), or (name, any of these).

    Raises InputError for anything else, and for a path where no file is.
    """
    if isinstance(value, Part):
        return value
    if isinstance(value, tuple) and value and isinstance(value[0], str | None):
        name, inner, *more = (*value, None)[:3] if len(value) > 1 else (*value, b"", None)
        return part(inner, filename or name, mime_type or (more[0] if more else None))
    if isinstance(value, str | os.PathLike):
        found = _file(Path(value).expanduser())
        name = filename or Path(value).name
    elif isinstance(value, bytes | bytearray | memoryview):
        found, name = Content(bytes(value), len(value)), filename or "upload"
    elif hasattr(value, "read"):
        found, name = _open(value), filename or Path(str(getattr(value, "name", "") or "upload")).name
    else:
        name = filename or "data.csv"
        data = _frame(value, name)
        found = Content(data, len(data))
    return Part(name, found, mime_type or mimetypes.guess_type(name)[0] or ANY_TYPE)


def _file(path: Path) -> Content:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}", hint="Give the path of a file.")
    return Content(path, path.stat().st_size)


def _open(file: Any) -> Content:
    """Return an open file from where it stands; one that cannot go back is copied first."""
    if isinstance(file, io.TextIOBase):
        data = file.read().encode()
        return Content(data, len(data))
    try:
        start = file.tell()
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
    except (OSError, AttributeError):
        return spooled(iter(lambda: file.read(PIECE), b""))
    return Content(file, size, start)


def _frame(value: Any, name: str) -> bytes:
    """Return a pandas or polars frame as a file's bytes: Parquet where the name says so, else CSV."""
    if name.endswith(".parquet") and (write := _method(value, "to_parquet", "write_parquet")):
        held = io.BytesIO()
        write(held)
        return held.getvalue()
    if hasattr(value, "to_csv"):
        plain = type(getattr(value, "index", None)).__name__ == "RangeIndex"
        return str(value.to_csv(index=not plain)).encode()
    if hasattr(value, "write_csv"):
        return str(value.write_csv()).encode()
    raise InputError(
        f"A {type(value).__name__} cannot be uploaded",
        hint="Give a path, bytes, an open file or a DataFrame.",
    )


def _method(value: Any, *names: str) -> Any:
    return next((getattr(value, name) for name in names if hasattr(value, name)), None)


def spooled(pieces: Iterable[bytes]) -> Content:
    """Copy pieces to a place that can be read again: memory at first, then an unnamed file."""
    held = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it lives as long as the body
    for piece in pieces:
        held.write(piece)
    return Content(held, held.tell())


def form(fields: Mapping[str, Any], files: Iterable[tuple[str, Part]]) -> Body:
    """Return a form of fields and files, in this order."""
    mark = secrets.token_hex(16)
    parts: list[bytes | Content] = []
    for name, value in fields.items():
        text = value if isinstance(value, str) else wire.encode(value).decode()
        parts.append(f"{_head(mark, name)}\r\n\r\n{text}\r\n".encode())
    for name, file in files:
        head = f'{_head(mark, name)}; filename="{_quoted(file.filename)}"\r\nContent-Type: {file.mime_type}'
        parts += [f"{head}\r\n\r\n".encode(), file.content, b"\r\n"]
    parts.append(f"--{mark}--\r\n".encode())
    return Body(parts, f"multipart/form-data; boundary={mark}")


def _head(mark: str, name: str) -> str:
    return f'--{mark}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'


def _quoted(text: str) -> str:
    # as browsers do: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def json_list(name: str, values: Iterable[bytes]) -> Body:
    """Return the JSON object {name: [values]}, each value JSON already; they are taken one by one."""

    def pieces() -> Iterator[bytes]:
        between = b'{"%b":[' % name.encode()
        for value in values:
            yield between
            yield value
            between = b","
        yield b"]}" if between == b"," else between + b"]}"

    return Body([spooled(pieces())])

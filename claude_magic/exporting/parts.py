"""Which parts of a conversation are too long to stand in a text?

Data in base64, such as an image's or a PDF's; for a notebook, also a document that is a text. Each becomes a
`Beside`, a note that names the file it can be put into.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from typing import Any, Self


class Beside(str):
    """A note for data that lies in a file: `name` is the file's."""

    name: str

    def __new__(cls, name: str, media_type: str, size: int) -> Self:  # noqa: D102 - the class says it
        made = super().__new__(cls, f"({media_type}, {size:,} bytes, left out)")
        made.name = name
        return made


def apart(value: Any, folder: str, longest: int) -> tuple[Any, dict[str, bytes]]:
    """Return JSON with a Beside for each piece of base64 of more than `longest` characters, and the files."""
    files: dict[str, bytes] = {}
    return _apart(value, folder, longest, files, "data"), files


def _apart(value: Any, folder: str, longest: int, files: dict[str, bytes], kind: str) -> Any:
    if isinstance(value, list):
        return [_apart(item, folder, longest, files, kind) for item in value]
    if not isinstance(value, dict):
        return value
    data = value.get("data")
    if value.get("type") == "base64" and isinstance(data, str) and len(data) > longest:
        return {**value, "data": _beside(data, str(value.get("media_type")), folder, kind, files)}
    if value.get("media_type") == "text/plain" and isinstance(data, str) and not longest:  # a document's
        return {**value, "data": _kept(data.encode(), "text/plain", folder, kind, files)}
    kind = str(value.get("type") or kind)
    return {k: _apart(v, folder, longest, files, kind) for k, v in value.items()}


def _beside(data: str, media_type: str, folder: str, kind: str, files: dict[str, bytes]) -> str:
    try:
        held = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data  # it stays as it came
    return _kept(held, media_type, folder, kind, files)


def _kept(held: bytes, media_type: str, folder: str, kind: str, files: dict[str, bytes]) -> Beside:
    name = next((name for name, known in files.items() if known == held), None)
    if name is None:
        name = f"{folder}{kind}-{len(files) + 1}{mimetypes.guess_extension(media_type) or ''}"
        files[name] = held
    return Beside(name, media_type, len(held))

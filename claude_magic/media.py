"""How do files and pictures become content blocks?

https://docs.claude.com/en/docs/build-with-claude/vision and …/pdf-support
"""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.private import secret_name

LONG_EDGE = 1568  # pixels; the service scales larger pictures down to this (2576 on newer models)
MOST_IMAGE = 7_500_000  # bytes, 10 MB as base64
MOST_PDF = 23_000_000  # bytes; a request takes 32 MB
MOST_TEXT = 2_000_000  # bytes
PDF = b"%PDF-"


class Part(NamedTuple):
    """One content block, and in a few words what it is."""

    block: dict[str, Any]
    what: str


def from_path(place: str | os.PathLike[str]) -> Part:
    """Return a file as a block; raises InputError for what is missing, unreadable, too large or unknown."""
    path = Path(os.path.expanduser(place))  # noqa: PTH111 # Path's own raises for an unknown ~user
    data = _read(path)
    if made := from_bytes(data, str(path)):
        return made
    if path.suffix.lower() in _DRAWN:
        return _image(data, "", str(path))
    text = _text(data, path)
    return Part({"type": "text", "text": text}, f"text, {len(text):,} characters")


def from_bytes(data: bytes, name: str) -> Part | None:
    """Return a PDF's or a picture's bytes as a block, or None for anything else."""
    if data.startswith(PDF):
        source = {"type": "base64", "media_type": "application/pdf", "data": _base64(data)}
        return Part(
            {"type": "document", "source": source, "title": Path(name).name}, f"PDF, {_megabytes(data)}"
        )
    for start, media_type in _SIGNATURES:
        if data.startswith(start) and (start != b"RIFF" or data[8:12] == b"WEBP"):
            return _image(data, media_type, name)
    return None


def from_figure(figure: Any, name: str) -> Part:
    """Return a matplotlib figure as a picture."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    return _image(drawn.getvalue(), "image/png", name)


def from_picture(picture: Any, name: str) -> Part:
    """Return a PIL image as a picture."""
    return _encoded(picture, "image/png", name)


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF", "image/webp"),
)
_DRAWN = {".bmp", ".tif", ".tiff", ".ico", ".heic", ".avif", ".ppm"}
_BETTER = {  # what to type for files that are neither text, PDF nor picture
    ".xlsx": "Read it with pd.read_excel and put {df} into the prompt.",
    ".xls": "Read it with pd.read_excel and put {df} into the prompt.",
    ".parquet": "Read it with pd.read_parquet and put {df} into the prompt.",
    ".docx": "Save it as PDF and attach that.",
    ".pptx": "Save it as PDF and attach that.",
    ".csv": "Read it with pd.read_csv and put {df} into the prompt.",
}
_SMALLER = "Attach a smaller file, or a part of it."
_OTHERWISE = "Attach a PDF, a picture or a text file."


def _read(path: Path) -> bytes:
    if secret_name(path.stem) or path.name in (".env", ".netrc", "id_rsa", "id_ed25519"):
        raise InputError(
            f"{path} is named like a secret, so it was not read", hint="Copy it under another name."
        )
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder", hint=f"Name a file in it: --attach {path}/…")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file", hint=_OTHERWISE)
        if (size := path.stat().st_size) > MOST_PDF:
            raise _too_large(
                path.name,
                size,
                MOST_PDF,
                _BETTER.get(path.suffix.lower(), "Attach a smaller file, or a part of it."),
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}", hint=_near(path)) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read: {why}", hint=_OTHERWISE) from None


def _near(path: Path) -> str:
    import difflib

    try:
        names = os.listdir(path.parent)  # noqa: PTH208 # names only, and not one Path for each
    except OSError:
        return f"There is no folder {path.parent} either; this one is {Path.cwd()}"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean {path.parent / close[0]}?" if close else f"Look for it from {path.parent.resolve()}"


def _text(data: bytes, path: Path) -> str:
    better = _BETTER.get(path.suffix.lower(), _OTHERWISE)
    if len(data) > MOST_TEXT:
        raise _too_large(path.name, len(data), MOST_TEXT, better)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or not data:
        what = "is neither a PDF, a picture nor text in UTF-8" if data else "is empty"
        raise InputError(f"{path.name} {what}", hint=better)
    return text


def _image(data: bytes, media_type: str, name: str) -> Part:
    """Return a picture, scaled down where Pillow is installed and it is larger than the service would use."""
    try:
        from PIL import Image
    except ImportError:
        if not media_type:
            raise InputError(
                f"{name} needs Pillow", hint="Type %pip install pillow, or save it as PNG."
            ) from None
        return _sent(data, media_type, name, "")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if media_type and max(picture.size) <= LONG_EDGE:
                picture.verify()
                return _sent(data, media_type, name, "×".join(map(str, picture.size)))
            return _encoded(picture, media_type, name)
    except InputError:
        raise
    except Exception as error:  # Pillow raises whatever a broken file makes it raise
        raise InputError(f"{name} is not a readable picture: {error}", hint=_OTHERWISE) from None


def _encoded(picture: Any, media_type: str, name: str) -> Part:
    kind = "JPEG" if media_type == "image/jpeg" else "PNG"
    if max(picture.size) > LONG_EDGE:
        picture = picture.convert("RGBA" if "A" in picture.getbands() and kind == "PNG" else "RGB")
        picture.thumbnail((LONG_EDGE, LONG_EDGE))
    elif picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    drawn = io.BytesIO()
    picture.save(drawn, format=kind)
    return _sent(drawn.getvalue(), f"image/{kind.lower()}", name, "×".join(map(str, picture.size)))


def _sent(data: bytes, media_type: str, name: str, size: str) -> Part:
    if len(data) > MOST_IMAGE:
        raise _too_large(name, len(data), MOST_IMAGE, "Scale it down and try again.")
    source = {"type": "base64", "media_type": media_type, "data": _base64(data)}
    return Part({"type": "image", "source": source}, f"image {size}".strip())


def _too_large(name: str, size: int, most: int, hint: str) -> InputError:
    return InputError(
        f"{name} has {size / 1e6:.1f} MB, and at most {most / 1e6:.1f} MB can be sent", hint=hint
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _megabytes(data: bytes) -> str:
    return f"{len(data) / 1e6:.1f} MB"

"""How do files and pictures become content blocks?

https://docs.claude.com/en/docs/build-with-claude/vision, …/pdf-support and …/files. A large file, or one that
only code can read, becomes a block that waits: `uploads.py` puts the file's id into it when it is sent.
"""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.prompts import private, sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = "high"  # the tier of pictures that any model may look at; see `fitted` for the others
MOST_IMAGE = 7_500_000  # bytes, 10 MB as base64
MOST_EDGE = 8_000  # pixels
MOST_PDF = 23_000_000  # bytes; a request takes 32 MB
MOST_TEXT = 2_000_000  # bytes
MOST_FILE = 500 * 2**20  # bytes of an upload
LARGE = 1_000_000  # bytes from which a file is uploaded once, and not sent with every question
PDF = "application/pdf"
ZIP = b"PK\x03\x04"  # what office files begin with
FILE_ID = re.compile(r"file_\w{6,}")


class Part(NamedTuple):
    """One content block, and in a few words what it is."""

    block: dict[str, Any]
    what: str


class Waiting(NamedTuple):
    """A file that a block waits for: where it lies, or its id; `block` is the type the block will have.

    Of a mere `id` the service says the type; `code` says whether there is code that can read any.
    """

    path: str = ""
    mime_type: str = ""
    block: str = ""
    id: str = ""
    code: bool = False


def waiting(block: Mapping[str, Any]) -> Waiting | None:
    """Return the file that a block waits for, or None for a block that can be sent."""
    source = block.get("source")
    found = source.get("waiting") if isinstance(source, dict) else None
    return Waiting(**found) if isinstance(found, dict) else None


def _waits(file: Waiting, name: str, what: str) -> Part:
    # a file as the source, whatever it becomes: a budget then allows for the largest
    source = {"type": "file", "waiting": file._asdict()}
    return Part({"type": "document", "source": source, "title": name}, what)


def from_id(file_id: str, *, code: bool = False) -> Part:
    """Return a block for a file of the service; `code` says whether there is code that can read any type."""
    return _waits(Waiting(id=file_id, code=code), file_id, "file of the service")


def from_path(place: str | os.PathLike[str], *, code: bool = False) -> Part:
    """Return a file as a block; raises InputError for what is missing, unreadable, too large or unknown.

    With `code` any file can be sent: what is no PDF, picture or short .txt goes where code reads it.
    """
    path = Path(os.path.expanduser(place))  # noqa: PTH111 # Path's own raises for an unknown ~user
    size, head = _look(path)
    kind = sizes.kind(head)
    pdf, picture = kind == PDF, kind not in ("", PDF) or (not kind and path.suffix.lower() in _DRAWN)
    is_text = path.suffix.lower() == ".txt" and size <= MOST_TEXT
    if code and not (pdf or picture or is_text):
        return _for_code(path, size)
    if pdf and size > LARGE:
        return _uploaded(path, PDF, "document", f"PDF, {_megabytes(size)}")
    data = _read(path, size)
    if picture:
        return _picture(path, data, kind)
    if made := from_bytes(data, str(path)):
        return made
    if data and not data.startswith(ZIP[:2]) and (named := _NAMED.get(path.suffix.lower())):
        raise InputError(f"{path.name} is not a readable {named}", hint=_OTHERWISE)
    text = _text(data, path)
    what = f"text, {len(text):,} characters"
    if size > LARGE and text.encode() == data:
        private.check(path.name, text)
        return _uploaded(path, "text/plain", "document", what)
    return Part({"type": "text", "text": text}, what)


def _uploaded(path: Path, mime_type: str, block: str, what: str) -> Part:
    return _waits(Waiting(str(path.resolve()), mime_type, block), path.name, f"{what}, as an upload")


def _picture(path: Path, data: bytes, media_type: str) -> Part:
    made = _image(data, media_type, str(path))
    source = made.block["source"]
    if len(data) > LARGE and base64.b64decode(source["data"]) == data:
        return _uploaded(path, source["media_type"], "image", made.what)
    return made


def _for_code(path: Path, size: int) -> Part:
    import mimetypes

    if not size:
        raise InputError(f"{path.name} is empty", hint=_OTHERWISE)
    _check_for_secrets(path)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    file = Waiting(str(path.resolve()), kind, "container_upload", code=True)
    return _waits(file, path.name, f"{path.suffix.lstrip('.') or 'file'}, {shown_size(size)}, for code")


def _check_for_secrets(path: Path) -> None:
    """Raise InputError for a file that holds a key, however long it is."""
    piece, before = 2**22, ""
    with path.open("rb") as file:
        while data := file.read(piece):
            text = before + data.decode("utf-8", "replace")
            private.check(path.name, text)
            before = text[-1000:]


def inline(file: Waiting, title: str) -> dict[str, Any]:
    """Return what stands for a waiting file where nothing may be uploaded: its content, or a word for it."""
    path = Path(file.path)
    size = path.stat().st_size if file.path and path.is_file() else MOST_FILE
    if file.block not in ("document", "image") or size > MOST_PDF:
        return {"type": "text", "text": f"[{title}: a file, not counted before it is uploaded]"}
    data = path.read_bytes()
    if file.mime_type == "text/plain":
        return {"type": "text", "text": data.decode("utf-8", "replace")}
    source = {"type": "base64", "media_type": file.mime_type, "data": _base64(data)}
    return {"type": file.block, "source": source, **({"title": title} if file.block == "document" else {})}


def from_bytes(data: bytes, name: str) -> Part | None:
    """Return a PDF's or a picture's bytes as a block, or None for anything else."""
    kind = sizes.kind(data)
    if kind != PDF:
        return _image(data, kind, name) if kind else None
    source = {"type": "base64", "media_type": PDF, "data": _base64(data)}
    block = {"type": "document", "source": source, "title": Path(name).name}
    return Part(block, f"PDF, {_megabytes(len(data))}")


def from_picture(picture: Any, name: str) -> Part:
    """Return a PIL image as a picture."""
    return _encoded(picture, "image/png", name)


_DRAWN = {".bmp", ".tif", ".tiff", ".ico", ".heic", ".avif", ".ppm"}
_BY_CODE = "or let code read it: --skill xlsx."
_NAMED = {  # endings of files that are no text
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp"), "picture"),
    **dict.fromkeys((".docx", ".xlsx", ".pptx"), "office file"),
    ".pdf": "PDF",
}
_BETTER = {  # what to type for files that are neither text, PDF nor picture
    ".xlsx": f"Read it with pd.read_excel and put {{df}} into the prompt, {_BY_CODE}",
    ".xls": f"Read it with pd.read_excel and put {{df}} into the prompt, {_BY_CODE}",
    ".parquet": f"Read it with pd.read_parquet and put {{df}} into the prompt, {_BY_CODE}",
    ".csv": f"Read it with pd.read_csv and put {{df}} into the prompt, {_BY_CODE}",
    ".docx": "Save it as PDF and attach that, or let code read it: --skill docx.",
    ".pptx": "Save it as PDF and attach that, or let code read it: --skill pptx.",
}
_TOO_LONG = "Attach a part of it, or let code read all of it: --skill xlsx."
_SMALLER = "Type %pip install pillow, which scales it down, or save it smaller."
_OTHERWISE = "Attach a PDF, a picture or a text file."


def _look(path: Path) -> tuple[int, bytes]:
    """Return a file's size and first bytes; raises InputError."""
    if private.secret_name(path.stem) or path.name in (".env", ".netrc", "id_rsa", "id_ed25519"):
        raise InputError(
            f"{path} is named like a secret, so it was not read", hint="Copy it under another name."
        )
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder", hint=f"Name a file in it: --attach {path / '…'}")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file", hint=_OTHERWISE)
        if (size := path.stat().st_size) > MOST_FILE:
            raise _too_large(path.name, size, MOST_FILE, _better(path))
        with path.open("rb") as file:
            return size, file.read(16)
    except FileNotFoundError:
        raise InputError(f"There is no file {path}", hint=_near(path)) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read: {why}", hint=_OTHERWISE) from None


def _read(path: Path, size: int) -> bytes:
    """Return the bytes of a file that is sent with the question; raises InputError for too many."""
    if size > MOST_PDF:
        raise _too_large(path.name, size, MOST_PDF, _better(path))
    return path.read_bytes()


def _better(path: Path, otherwise: str = "Attach a smaller file, or a part of it.") -> str:
    return _BETTER.get(path.suffix.lower(), otherwise)


def _near(path: Path) -> str:
    import difflib

    try:
        names = os.listdir(path.parent)  # noqa: PTH208 # names only, and not one Path for each
    except OSError:
        return f"There is no folder {path.parent} either; this one is {Path.cwd()}"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean {path.parent / close[0]}?" if close else f"Look for it from {path.parent.resolve()}"


def _text(data: bytes, path: Path) -> str:
    if len(data) > MOST_TEXT:
        raise _too_large(path.name, len(data), MOST_TEXT, _better(path, _TOO_LONG), "as text")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or not data or data.startswith(ZIP):
        what = "is neither a PDF, a picture nor text in UTF-8" if data else "is empty"
        raise InputError(f"{path.name} {what}", hint=_better(path, _OTHERWISE))
    return text


def fitted(block: dict[str, Any], tier: str | None) -> tuple[dict[str, Any], str]:
    """Return a picture's block as small as a model of that tier sees it, and the new size in words or ""."""
    source = block["source"]
    if block["type"] != "image" or source.get("type") != "base64" or tier in (None, LARGEST):
        return block, ""
    data = base64.b64decode(source["data"])
    size = sizes.size(data)
    if size is None or sizes.fitted(size, tier) == size or not _pillow():
        return block, ""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        made = _encoded(picture, source["media_type"], "picture", tier)
    return {**block, "source": made.block["source"]}, made.what


def _pillow() -> bool:
    try:
        import PIL  # noqa: F401 # whether it is there
    except ImportError:
        return False
    return True


def _image(data: bytes, media_type: str, name: str) -> Part:
    """Return a picture, scaled down where Pillow is installed and it is larger than the service would use."""
    if not _pillow():
        if not media_type:
            raise InputError(f"{name} needs Pillow", hint="Type %pip install pillow, or save it as PNG.")
        return _unscaled(data, media_type, name)
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            size = sizes.Size(*picture.size)
            if media_type and sizes.fitted(size, LARGEST) == size and len(data) <= MOST_IMAGE:
                picture.verify()
                return _sent(data, media_type, name, size)
            return _encoded(picture, media_type, name)
    except InputError:
        raise
    except Exception as error:  # Pillow raises whatever a broken file makes it raise
        raise InputError(f"{name} is not a readable picture: {error}", hint=_OTHERWISE) from None


def _unscaled(data: bytes, media_type: str, name: str) -> Part:
    size = sizes.size(data)
    if size and max(size) > MOST_EDGE:
        raise InputError(
            f"{name} is {size.width}×{size.height} pixels, and the service takes {MOST_EDGE:,} a side",
            hint=_SMALLER,
        )
    return _sent(data, media_type, name, size)


def _encoded(picture: Any, media_type: str, name: str, tier: str = LARGEST) -> Part:
    """Return a picture of Pillow's in the size of a tier; as JPEG where PNG would be too large."""
    from PIL import ImageOps

    kind = "JPEG" if media_type == "image/jpeg" else "PNG"
    picture = ImageOps.exif_transpose(picture)  # a camera's way up is lost otherwise
    size = sizes.fitted(sizes.Size(*picture.size), tier)
    if size != picture.size:
        picture = picture.convert("RGBA" if "A" in picture.getbands() and kind == "PNG" else "RGB")
        picture = picture.resize(size)
    elif picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    data = _written(picture, kind)
    if len(data) > MOST_IMAGE and kind == "PNG":
        kind, data = "JPEG", _written(picture.convert("RGB"), "JPEG")
    return _sent(data, f"image/{kind.lower()}", name, size)


def _written(picture: Any, kind: str) -> bytes:
    drawn = io.BytesIO()
    picture.save(drawn, format=kind, **({"quality": 90} if kind == "JPEG" else {}))
    return drawn.getvalue()


def _sent(data: bytes, media_type: str, name: str, size: sizes.Size | None) -> Part:
    if len(data) > MOST_IMAGE:
        hint = "Scale it down and try again." if _pillow() else _SMALLER
        raise _too_large(name, len(data), MOST_IMAGE, hint)
    source = {"type": "base64", "media_type": media_type, "data": _base64(data)}
    return Part({"type": "image", "source": source}, f"image {size.width}×{size.height}" if size else "image")


def _too_large(name: str, size: int, most: int, hint: str, how: str = "") -> InputError:
    sent = f"sent {how}".rstrip()
    return InputError(
        f"{name} has {_megabytes(size)}, and at most {_megabytes(most)} can be {sent}", hint=hint
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def shown_size(size: int) -> str:
    """Return a number of bytes for reading."""
    if size < 1_000:
        return f"{size} bytes"
    return _megabytes(size) if size >= 100_000 else f"{size / 1e3:.1f} kB"

"""Where are uploaded and made files kept, and who may read them?

https://platform.claude.com/docs/en/build-with-claude/files
"""

from __future__ import annotations

import functools
import math
import os
import re
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic.app import Response
from claude_magic.practice.kinds import number
from claude_magic.practice.moments import DAY, HOUR, moment, seconds
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import parts
from claude_magic.practice.storage.office import MAIN
from claude_magic.practice.stored.objects import Maker
from claude_magic.practice.stored.shelves import MOST_IDS, Item, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice import Practice
    from claude_magic.practice.stored.shelves import Asked

OLD_FORM = "files-api-2025-04-14"
"""The beta name that selects the first form: pages by id, no `expires_at`, no `ids`."""
LEAST_LIFE, MOST_LIFE, REMEMBERED = HOUR, 90 * DAY, 30 * DAY  # seconds
FILES = "files"
MOST_NAME, PIECE = 255, 2**16
FORBIDDEN = re.compile(r'[<>:"|?*\\/\x00-\x1f]')
MIME = re.compile(r"[\w.+-]+/[\w.+-]+")
KINDS = {
    # a table of our own: what Python guesses depends on the machine
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".html": "text/html",
    ".py": "text/x-python",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": f"{MAIN}spreadsheetml.sheet",
    ".docx": f"{MAIN}wordprocessingml.document",
    ".pptx": f"{MAIN}presentationml.presentation",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
UNKNOWN_KIND = "application/octet-stream"


class Disk:
    """A server's temporary folder, which goes with it; `most` is the organization's bytes."""

    def __init__(self) -> None:
        self.most, self.used = 10**12, 0

    @functools.cached_property
    def folder(self) -> Path:
        """The temporary folder, made when first needed."""
        made = Path(tempfile.mkdtemp(prefix="claude_magic_practice_"))
        weakref.finalize(self, _remove, made, os.getpid())
        return made


def _remove(folder: Path, process: int) -> None:
    """Remove a server's folder, but not from a fork of its process, which shares it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def keep(practice: Practice, name: str, data: bytes | memoryview, *, now: float, **given: Any) -> Item:
    """Store a file, by the fields of its metadata; raises Refusal where the organization's space is full."""
    disk = practice.of(Disk)
    if disk.used + len(data) > disk.most:
        code = "storage_quota_exceeded"
        refuse("", f"The organization's storage of {disk.most:,} bytes is full", error_code=code)
    told = {"filename": name, "mime_type": kind_of(name), "size_bytes": len(data), **given}
    item = store(practice).keep(Maker(practice, now), FILES, told, {})
    item.kept = disk.folder / item.value["id"]
    item.kept.write_bytes(data)
    disk.used += len(data)
    return item


def _until(item: Item) -> float:
    return seconds(item.value["expires_at"], "") if item.value["expires_at"] else math.inf


def find(practice: Practice, file_id: str, now: float) -> Item:
    """Return a file, its content gone or not; raises Refusal (404)."""
    for item in _remembered(practice, now):
        if item.value["id"] == file_id:
            return item
    raise Refusal(404, f"File not found: {file_id}")


def _remembered(practice: Practice, now: float) -> list[Item]:
    """Return the files whose metadata is still there, the oldest first."""
    return [item for item in store(practice).items["FileMetadata"] if now < _until(item) + REMEMBERED]


def present(practice: Practice, file_id: str, now: float) -> Item:
    """Return a file whose content is there; raises Refusal (404)."""
    item = find(practice, file_id, now)
    if now >= _until(item):
        item.kept.unlink(missing_ok=True)
        raise Refusal(404, f"File has expired: {file_id}", error_code="file_expired")
    return item


def kind_of(filename: str) -> str:
    """Return the MIME type of a name's ending."""
    return KINDS.get(Path(filename).suffix.lower(), UNKNOWN_KIND)


def _name(sent: str | None, kind: str) -> str:
    """Return the name to keep; raises Refusal."""
    name = (sent or "").rpartition("/")[2]
    if not name:
        ending = next((ending for ending, known in KINDS.items() if known == kind), "")
        return f"unnamed{ending}"
    if len(name) > MOST_NAME:
        refuse("file", f"The file name is longer than {MOST_NAME} characters")
    if FORBIDDEN.search(name):
        refuse("file", f"The file name {name!r} has a character that is not allowed: {FORBIDDEN.pattern}")
    return name


def _own(asked: Asked) -> Item:
    return find(asked.practice, asked.names["file_id"], asked.exchange.now)


def _old(asked: Asked) -> bool:
    return OLD_FORM in asked.exchange.betas


def _shown(asked: Asked, value: dict[str, Any]) -> dict[str, Any]:
    """Return a file's metadata in the form that was asked for."""
    return {k: v for k, v in value.items() if k != "expires_at"} if _old(asked) else value


def upload(asked: Asked) -> dict[str, Any]:
    """Keep a file; raises Refusal."""
    found, now = parts.read(asked.exchange.request), asked.exchange.now
    sent = [part for part in found if part.name == "file"]
    if len(sent) != 1:
        refuse("file", "Field required" if not sent else f"One file at a time, not {len(sent)}")
    part = sent[0]
    kind = part.kind or kind_of(part.filename or "")
    if not MIME.fullmatch(kind):
        refuse("file", f"{kind!r} is no MIME type")
    life, until = parts.text(found, "expires_in_seconds"), None
    if life is not None and not _old(asked):
        until = moment(now + number(life, LEAST_LIFE, MOST_LIFE, "expires_in_seconds"))
    name = _name(part.filename, kind)
    kept = keep(asked.practice, name, part.data, now=now, mime_type=kind, expires_at=until)
    return _shown(asked, kept.value)


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of files, the newest first; in the first form a page by id. Raises Refusal."""
    exchange = asked.exchange
    if _old(asked):
        exchange.row = exchange.row._replace(paging="id", words="")
    elif exchange.many("ids"):
        if exchange.one("limit") or exchange.one("page"):
            refuse("ids", "cannot be given together with limit or page")
        exchange.row = exchange.row._replace(usual=MOST_IDS)
    page = asked.listed(_remembered(asked.practice, exchange.now))
    return {**page, "data": [_shown(asked, value) for value in page["data"]]}


def metadata(asked: Asked) -> dict[str, Any]:
    """Return what is known of a file; raises Refusal."""
    return _shown(asked, _own(asked).value)


def download(asked: Asked) -> Response:
    """Return a file that code made; raises Refusal."""
    file = present(asked.practice, asked.names["file_id"], asked.exchange.now)
    told = file.value
    if not told["downloadable"]:
        why = "File is not downloadable: only files that a tool made can be fetched"
        refuse("", why, error_code="file_not_downloadable")
    return attachment(told["filename"], told["mime_type"], told["size_bytes"], _pieces(file.kept))


def attachment(
    name: str, kind: str, size: int, body: bytes | Iterator[bytes | float | Exception]
) -> Response:
    """Return an answer that is a file."""
    headers = {"content-type": kind, "content-disposition": f'attachment; filename="{name}"'}
    return Response(200, {**headers, "content-length": str(size)}, body)


def _pieces(path: Path) -> Iterator[bytes | float | Exception]:
    try:
        with path.open("rb") as content:
            while piece := content.read(PIECE):
                yield piece
    except OSError:
        yield ConnectionResetError("the file was deleted while it was read")


def delete(asked: Asked) -> dict[str, Any]:
    """Forget a file; raises Refusal."""
    item = _own(asked)
    item.kept.unlink(missing_ok=True)
    asked.practice.of(Disk).used -= item.value["size_bytes"]
    asked.remove(item)
    return asked.answer(item)


RULES = {
    f"{FILES}.upload": upload,
    f"{FILES}.list": listed,
    f"{FILES}.retrieve_metadata": metadata,
    f"{FILES}.download": download,
    f"{FILES}.delete": delete,
}

"""Where are uploaded and made files kept, and who may read them?

https://platform.claude.com/docs/en/build-with-claude/files
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic.app import Response
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice import Answers, Exchange, Practice

OLD_FORM = "files-api-2025-04-14"
"""The beta name that selects the first form: pages by id, no `expires_at`, no `ids`."""
LEAST_LIFE, MOST_LIFE, REMEMBERED = 3_600, 7_776_000, 30 * 86_400  # seconds
MOST_NAME, MOST_IDS, PIECE = 255, 100, 2**16
FORBIDDEN = re.compile(r'[<>:"|?*\\/\x00-\x1f]')
MIME = re.compile(r"[\w.+-]+/[\w.+-]+")
OFFICE = "application/vnd.openxmlformats-officedocument."
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
    ".xlsx": f"{OFFICE}spreadsheetml.sheet",
    ".docx": f"{OFFICE}wordprocessingml.document",
    ".pptx": f"{OFFICE}presentationml.presentation",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
UNKNOWN_KIND = "application/octet-stream"


def moment(seconds: float) -> str:
    """Return a time since 1970 as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file: `expires` is a time in seconds, `made` says that code made it, so that it can be fetched."""

    id: str
    filename: str
    mime_type: str
    size: int
    created: float
    expires: float | None
    made: bool
    path: Path

    def expired(self, now: float) -> bool:
        """Return whether the content is gone."""
        return self.expires is not None and now >= self.expires

    def forgotten(self, now: float) -> bool:
        """Return whether even the metadata is gone."""
        return self.expires is not None and now >= self.expires + REMEMBERED

    def metadata(self, *, old: bool = False) -> dict[str, Any]:
        """Return the file as the service describes it."""
        found = {
            "id": self.id,
            "type": "file",
            "filename": self.filename,
            "mime_type": self.mime_type,
            "size_bytes": self.size,
            "created_at": moment(self.created),
            "downloadable": self.made,
        }
        until = moment(self.expires) if self.expires is not None else None
        return found if old else {**found, "expires_at": until}


class Shelf:
    """The files of a server, in a temporary folder that goes with it; `most` is the organization's bytes."""

    def __init__(self) -> None:
        self.most, self._bytes = 10**12, 0
        self._kept: dict[str, Kept] = {}

    @functools.cached_property
    def folder(self) -> Path:
        """The temporary folder, made when first needed."""
        made = Path(tempfile.mkdtemp(prefix="claude_magic_practice_"))
        weakref.finalize(self, _remove, made, os.getpid())
        return made

    def keep(
        self,
        practice: Practice,
        name: str,
        data: bytes | memoryview,
        *,
        now: float,
        kind: str | None = None,
        expires: float | None = None,
        made: bool = False,
    ) -> Kept:
        """Store a file; raises Refusal where the organization's space is full."""
        if self._bytes + len(data) > self.most:
            code = "storage_quota_exceeded"
            refuse("", f"The organization's storage of {self.most:,} bytes is full", error_code=code)
        number, kind = practice.new_id("file"), kind or kind_of(name)
        kept = Kept(number, name, kind, len(data), now, expires, made, self.folder / number)
        kept.path.write_bytes(data)
        self._bytes += kept.size
        self._kept[kept.id] = kept
        return kept

    def all(self, now: float) -> list[Kept]:
        """Return what is still remembered, newest first."""
        return [file for file in reversed(self._kept.values()) if not file.forgotten(now)]

    def find(self, file_id: str, now: float) -> Kept:
        """Return a file, its content gone or not; raises Refusal (404)."""
        file = self._kept.get(file_id)
        if file is None or file.forgotten(now):
            raise Refusal(404, f"File not found: {file_id}")
        return file

    def present(self, file_id: str, now: float) -> Kept:
        """Return a file whose content is there; raises Refusal (404)."""
        file = self.find(file_id, now)
        if file.expired(now):
            file.path.unlink(missing_ok=True)
            raise Refusal(404, f"File has expired: {file_id}", error_code="file_expired")
        return file

    def delete(self, file_id: str, now: float) -> None:
        """Forget a file; raises Refusal (404)."""
        file = self.find(file_id, now)
        file.path.unlink(missing_ok=True)
        self._bytes -= file.size
        del self._kept[file_id]


def _remove(folder: Path, process: int) -> None:
    """Remove a server's folder, but not from a fork of its process, which shares it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


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


def _life(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not LEAST_LIFE <= int(text[:9]) <= MOST_LIFE:
        refuse("expires_in_seconds", f"Input should be a whole number from {LEAST_LIFE} to {MOST_LIFE}")
    return int(text)


def _upload(practice: Practice, exchange: Exchange) -> Response:
    found, old = parts.read(exchange.request), OLD_FORM in exchange.betas
    sent = [part for part in found if part.name == "file"]
    if len(sent) != 1:
        refuse("file", "Field required" if not sent else f"One file at a time, not {len(sent)}")
    part = sent[0]
    kind = part.kind or kind_of(part.filename or "")
    if not MIME.fullmatch(kind):
        refuse("file", f"{kind!r} is no MIME type")
    life = None if old else _life(parts.text(found, "expires_in_seconds"))
    until = exchange.now + life if life else None
    name, shelf = _name(part.filename, kind), practice.of(Shelf)
    kept = shelf.keep(practice, name, part.data, now=exchange.now, kind=kind, expires=until)
    return practice.json(kept.metadata(old=old))


def _list(practice: Practice, exchange: Exchange) -> Response:
    old, files = OLD_FORM in exchange.betas, practice.of(Shelf).all(exchange.now)
    if exchange.one("scope_id"):
        files = []  # only sessions scope a file, and no session made one here
    if old:
        by_id = replace(exchange, row=exchange.row._replace(paging="id"))
        return practice.json(page([file.metadata(old=True) for file in files], by_id))
    if wanted := set(exchange.many("ids")):
        if len(wanted) > MOST_IDS:
            refuse("ids", f"List should have at most {MOST_IDS} items")
        if exchange.one("limit") or exchange.one("page"):
            refuse("ids", "cannot be given together with limit or page")
        data = [file.metadata() for file in files if file.id in wanted]
        return practice.json({"data": data, "next_page": None})
    return practice.json(page([file.metadata() for file in files], exchange))


def _metadata(practice: Practice, exchange: Exchange) -> Response:
    file = practice.of(Shelf).find(exchange.names["file_id"], exchange.now)
    return practice.json(file.metadata(old=OLD_FORM in exchange.betas))


def _download(practice: Practice, exchange: Exchange) -> Response:
    file = practice.of(Shelf).present(exchange.names["file_id"], exchange.now)
    if not file.made:
        why = "File is not downloadable: only files that a tool made can be fetched"
        refuse("", why, error_code="file_not_downloadable")
    return attachment(file.filename, file.mime_type, file.size, _pieces(file.path))


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


def _delete(practice: Practice, exchange: Exchange) -> Response:
    file_id = exchange.names["file_id"]
    practice.of(Shelf).delete(file_id, exchange.now)
    return practice.json({"id": file_id, "type": "file_deleted"})


ROWS: Answers = {
    "files.upload": _upload,
    "files.list": _list,
    "files.retrieve_metadata": _metadata,
    "files.download": _download,
    "files.delete": _delete,
}


def _answer(practice: Practice, exchange: Exchange) -> Response:
    practice.pool(exchange, "files").admit(exchange.now)
    return ROWS[exchange.row.name](practice, exchange)


ANSWERS: Answers = dict.fromkeys(ROWS, _answer)

"""Which uploads are a skill?

A skill is one folder with a SKILL.md, given file by file or as a zip:
https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from claude_magic.practice.storage.parts import Part

MB = 2**20
MOST_BYTES, MOST_NAME, MOST_DESCRIPTION = 30 * MB, 64, 1024
NAME = re.compile(r"[a-z0-9-]+")
RESERVED = ("anthropic", "claude")
TAG = re.compile(r"<[^>]*>")
FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
FIELD = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(.*))?$")
DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell: the same files give the same bytes


class Bundle(NamedTuple):
    """A skill's content: paths begin with the folder as it was sent."""

    name: str
    description: str
    directory: str
    files: dict[str, bytes]

    def zip(self) -> bytes:
        """Return the content as an archive whose folder has the skill's name."""
        inside = {f"{self.name}{path.removeprefix(self.directory)}": self.files[path] for path in self.files}
        return archive(inside)


def archive(files: dict[str, bytes]) -> bytes:
    """Return a zip that is the same for the same files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, DAY)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            made.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def read(sent: list[Part]) -> Bundle:
    """Return the skill in the parts of an upload; raises Refusal for what is none."""
    parts = [part for part in sent if part.name in ("files", "files[]")]
    if not parts:
        refuse("files", "Field required")
    first = parts[0]
    if len(parts) == 1 and (first.filename or "").lower().endswith((".zip", ".skill")):
        files = _unpacked(bytes(first.data))
    else:
        files = _checked([(part.filename or "", part.data) for part in parts])
    folders = {path.partition("/")[0] for path in files}
    if len(folders) > 1 or any("/" not in path for path in files):
        refuse("files", "All files must be in one top-level folder")
    folder = folders.pop()
    if f"{folder}/SKILL.md" not in files:
        refuse("files", f"SKILL.md is not there: it must be at the root of the folder {folder!r}")
    return Bundle(*_front(files[f"{folder}/SKILL.md"], folder), folder, files)


def _checked(sent: list[tuple[str, memoryview]]) -> dict[str, bytes]:
    if sum(len(data) for _, data in sent) >= MOST_BYTES:
        _too_large()
    files: dict[str, bytes] = {}
    for path, data in sent:
        _path(path, files)
        files[path] = bytes(data)
    return files


def _path(path: str, files: dict[str, bytes]) -> None:
    if not path or "\\" in path or ":" in path or any(step in ("", ".", "..") for step in path.split("/")):
        refuse("files", f"{path!r} is no path inside the skill's folder")
    if path in files:
        refuse("files", f"{path!r} is there twice")


def _unpacked(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) >= MOST_BYTES:
                _too_large()
            for entry in entries:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    refuse("files", f"{entry.filename!r} is a link")
                _path(entry.filename, files)
                files[entry.filename] = packed.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as problem:
        refuse("files", f"The zip cannot be read: {problem}")
    if not files:
        refuse("files", "The zip is empty")
    return files


def _too_large() -> NoReturn:
    refuse("files", f"The skill is too large: its files must take less than {MOST_BYTES // MB} MB together")


def _front(data: bytes, folder: str) -> tuple[str, str]:
    """Return name and description of a SKILL.md; a name that is not there is the folder's."""
    try:
        lines = FRONT.match(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        refuse("SKILL.md", "The file must be text in UTF-8")
    if not lines:
        refuse("SKILL.md", "The file must begin with YAML front matter between two lines of ---")
    fields = _fields(lines[1])
    name, description = fields.get("name") or folder, fields.get("description", "")
    if not NAME.fullmatch(name) or len(name) > MOST_NAME:
        why = f"{name!r} must be 1 to {MOST_NAME} lower-case letters, digits and hyphens"
        refuse("SKILL.md: name", why)
    if taken := [word for word in RESERVED if word in name]:
        refuse("SKILL.md: name", f"{name!r} contains the reserved word {taken[0]!r}")
    if not 0 < len(description) <= MOST_DESCRIPTION:
        refuse("SKILL.md: description", f"must have 1 to {MOST_DESCRIPTION} characters")
    if TAG.search(description):
        refuse("SKILL.md: description", "must not contain XML tags")
    return name, description


def _fields(front: str) -> dict[str, str]:
    """Return the top-level texts of front matter: plain, quoted, folded or literal; the rest is skipped."""
    found: dict[str, list[str]] = {}
    last: list[str] = []
    for line in front.splitlines():
        field = FIELD.match(line)
        if field:
            last = found[field[1]] = [(field[2] or "").strip()]
        elif line[:1] in (" ", "\t", ""):
            last.append(line.strip())
        elif not line.startswith(("#", "-")):
            refuse("SKILL.md", f"The front matter has a line that is no field: {line!r}")
    return {name: _joined(lines) for name, lines in found.items()}


def _joined(lines: list[str]) -> str:
    first, *rest = lines
    if first[:1] in ("|", ">"):
        return ("\n" if first[0] == "|" else " ").join(rest).strip()
    whole = " ".join(filter(None, lines))
    if len(whole) > 1 and whole[0] == whole[-1] and whole[0] in "\"'":
        return whole[1:-1].replace("''", "'") if whole[0] == "'" else whole[1:-1].replace('\\"', '"')
    return whole.partition(" #")[0].rstrip()

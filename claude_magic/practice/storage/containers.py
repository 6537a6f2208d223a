"""What does a call find in its container, and what does code make there?

`enter` puts the content of files in the place of their ids and opens the container; `work` is the code that
a model would have run. https://platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages import forms, turns, words
from claude_magic.practice.messages.reading import LABEL
from claude_magic.practice.moments import DAY, moment
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import files, office
from claude_magic.practice.storage.skills import prebuilt, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice import Practice
    from claude_magic.practice.messages.reading import Reading
    from claude_magic.practice.messages.rules import Call
    from claude_magic.practice.stored.shelves import Item

LIFE = 30 * DAY  # seconds
TAKES = {
    # block -> the files that may stand in it
    "document": ("application/pdf", "text/plain"),
    "image": ("image/jpeg", "image/png", "image/gif", "image/webp"),
}
MOST_LINES, MOST_SHOWN = 30, 500  # lines of a made file; characters of a file shown by code
MEANT = {
    # prebuilt skill -> the words that ask for its file
    "xlsx": re.compile(r"\b(?:xlsx|excel|spread ?sheets?|workbooks?|worksheets?)\b", re.IGNORECASE),
    "docx": re.compile(r"\b(?:docx|word (?:document|file)|letter|report)\b", re.IGNORECASE),
    "pptx": re.compile(r"\b(?:pptx|powerpoint|presentations?|slides?|deck)\b", re.IGNORECASE),
    "pdf": re.compile(r"\bpdf\b", re.IGNORECASE),
}


@dataclass(slots=True)
class Container:
    """A place where code runs: it outlives a call until `expires` (seconds since 1970)."""

    id: str
    expires: float
    skills: list[Item] = field(default_factory=list)
    made: int = 0


class Yard(dict[str, Container]):
    """The containers of a server by id."""

    def open(self, practice: Practice, container_id: str | None, now: float) -> Container:
        """Return the container of an id, or a new one; raises Refusal (404) where it is there no more."""
        if container_id is None:
            made = Container(practice.new_id("container"), now + LIFE)
            return self.setdefault(made.id, made)
        found = self.get(container_id)
        if found is None or now >= found.expires:
            raise Refusal(404, f"Container not found: {container_id}" + (" has expired" if found else ""))
        return found


@dataclass(frozen=True, slots=True)
class Room:
    """A container as one call has it: with the files it uploads, and what keeps a file that code makes."""

    container: Container
    uploads: tuple[Item, ...]
    keep: Callable[[str, bytes], str]
    new_id: Callable[[str], str]

    def shown(self) -> dict[str, Any]:
        """Return the container as an answer tells of it."""
        skills = [
            {
                "type": "anthropic" if prebuilt(skill) else "custom",
                "skill_id": skill.value["skill_id"],
                "version": skill.value["id"],
            }
            for skill in self.container.skills
        ]
        expires = moment(self.container.expires)
        return {"id": self.container.id, "expires_at": expires, "skills": skills or None}


def enter(practice: Practice, call: Call, now: float) -> Call:
    """Return the call with its files in the place of their ids, and in its container; raises Refusal."""
    uploads: dict[str, Item] = {}
    filled = _filled(practice, call, uploads, now)
    asked = call.body.get("container")
    if call.counting or not (asked or uploads):
        return filled

    def keep(name: str, data: bytes) -> str:
        return str(files.keep(practice, name, data, now=now, downloadable=True).value["id"])

    asked = {"id": asked} if isinstance(asked, str) else asked or {}
    wanted = [resolve(practice, **_named(skill)) for skill in asked.get("skills") or ()]
    container = practice.of(Yard).open(practice, asked.get("id"), now)
    container.skills = wanted or container.skills
    return replace(filled, room=Room(container, tuple(uploads.values()), keep, practice.new_id))


def _named(skill: dict[str, Any]) -> dict[str, str]:
    return {"source": skill["type"], "skill_id": skill["skill_id"], "version": skill.get("version", "latest")}


def _filled(practice: Practice, call: Call, uploads: dict[str, Item], now: float) -> Call:
    """Return the call with the content of files in it, and take note of what goes into the container."""

    def fill(block: dict[str, Any], where: str) -> dict[str, Any]:
        match block:
            case {"type": "container_upload", "file_id": file_id}:
                uploads[file_id] = files.present(practice, file_id, now)
            case {"type": "document" | "image" as kind, "source": {"type": "file", "file_id": file_id}}:
                return {**block, "source": _source(files.present(practice, file_id, now), kind, where)}
            case {"type": "document", "source": {"type": "content", "content": inner} as source}:
                return {**block, "source": {**source, "content": all_of(inner, f"{where}.source.content")}}
            case {"type": "tool_result", "content": inner}:
                return {**block, "content": all_of(inner, f"{where}.content")}
        return block

    def all_of(blocks: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
        return [fill(block, f"{where}.{j}") for j, block in enumerate(blocks)]

    messages = [
        {**message, "content": all_of(message["content"], f"messages.{i}.content")}
        for i, message in enumerate(call.body["messages"])
    ]
    if messages == call.body["messages"]:
        return call
    filled = replace(call, body={**call.body, "messages": messages})
    turns.blocks(filled)
    return filled


def _source(file: Item, kind: str, where: str) -> dict[str, Any]:
    """Return a file as the source of a block that gives the content itself; raises Refusal."""
    file_id, mime_type = file.value["id"], file.value["mime_type"]
    if mime_type not in TAKES[kind]:
        what = "PDF and plain text documents" if kind == "document" else "JPEG, PNG, GIF and WebP images"
        why = f"The file {file_id} is {mime_type}: only {what} are supported here"
        refuse(f"{where}.source.file_id", why)
    data, about = file.kept.read_bytes(), {"media_type": mime_type, "file_id": file_id}
    if mime_type == "text/plain":
        return {"type": "text", "data": data.decode("utf-8", "replace"), **about}
    return {"type": "base64", "data": base64.b64encode(data).decode(), **about}


def work(room: Room, reading: Reading) -> tuple[list[dict[str, Any]], str]:
    """Return the blocks of the code that runs in a room, and what is to be said of the files it made."""
    blocks, told = list[dict[str, Any]](), list[str]()
    for file in room.uploads:
        name, kind, size = (file.value[told] for told in ("filename", "mime_type", "size_bytes"))
        reading.notes.append(f"The file {name} ({kind}, {size} bytes) was read by code.")
        blocks += _ran(room, f"head {name}", _head(file))
    for skill in room.container.skills:
        if not prebuilt(skill):
            name = skill.value["name"]
            said = f"{name}: {skill.value['description']}"
            blocks += _ran(room, f"head -n 3 /skills/{name}/SKILL.md", said)
    paper = _paper(reading)
    for ending in _asked(room, reading):
        name, size = _next_name(room, ending), f"{len(paper.rows)} row{'s' * (len(paper.rows) != 1)}"
        file_id = room.keep(name, office.WRITERS[ending](paper))
        blocks += _ran(room, f"python make_{ending}.py {name}", f"wrote {name}, {size}", file_id)
        told.append(f"The file {name} is made from the prompt, {size}; its id is {file_id}.")
    return blocks, " ".join(told)


def _ran(room: Room, command: str, said: str, *made: str) -> list[dict[str, Any]]:
    """Return the two blocks of a command: what ran, and what came of it."""
    use, name = room.new_id("srvtoolu"), "bash_code_execution"
    outputs = [{"type": "bash_code_execution_output", "file_id": file_id} for file_id in made]
    told = {"stdout": f"{LABEL} {said}\n", "stderr": "", "return_code": 0, "content": outputs}
    ran = {"type": "server_tool_use", "id": use, "name": name, "input": {"command": command}}
    result = {"type": "bash_code_execution_result", **told}
    return [
        {**ran, "caller": {"type": "direct"}},
        {"type": "bash_code_execution_tool_result", "tool_use_id": use, "content": result},
    ]


def _head(file: Item) -> str:
    """Return the beginning of a file, where it is text."""
    with file.kept.open("rb") as content:
        begun = content.read(4 * MOST_SHOWN)
    if b"\0" in begun:
        return f"{file.value['filename']} is no text: {file.value['size_bytes']} bytes"
    return str(begun.decode("utf-8", "replace")[:MOST_SHOWN])


def _asked(room: Room, reading: Reading) -> list[str]:
    """Return the endings of the files to make: those the prompt speaks of, else the first skill's."""
    able = [skill.value["skill_id"] for skill in room.container.skills if prebuilt(skill)]
    return [ending for ending in able if MEANT[ending].search(reading.prompt)] or able[:1]


def _next_name(room: Room, ending: str) -> str:
    room.container.made += 1
    number = room.container.made
    return f"practice_{number}.{ending}" if number > 1 else f"practice.{ending}"


def _paper(reading: Reading) -> office.Paper:
    """Return what a made file holds: the prompt's first table, else the sentences nearest to the question."""
    title, tables = f"{LABEL} {forms.quote(reading.topic)}", words.tables(reading.material)
    if tables:
        return office.Paper(title, tables[0].columns, [[*map(forms.cell, row)] for row in tables[0].rows])
    lines = forms.chosen(reading, MOST_LINES) or [forms.quote(reading.topic)]
    return office.Paper(title, ["practice"], [[line] for line in lines])

"""Which skills does a call use, and which files did its code make?

Skills work in a container of the service, by code that the service runs there:
https://platform.claude.com/docs/en/build-with-claude/skills-guide. Nothing is fetched from it unasked.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from claude_magic.api import called
from claude_magic.errors import APIError, InputError
from claude_magic.grammar.flags import SKILLS
from claude_magic.talk import current
from claude_magic.wire import Record

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from claude_magic.api.client import Client
    from claude_magic.wire import Message

CODE = {"type": "code_execution_20260521", "name": "code_execution"}
"""https://platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool"""
MOST = 20  # skills of a request
MOST_ASKED = 100  # files asked about at once

Skill = dict[str, str]


def skills(
    names: str | Sequence[str | Mapping[str, Any]],
    client: Callable[[], Client],
    before: Sequence[Skill] = (),
) -> list[Skill]:
    """Return skills as a request names them, after those used `before`; raises InputError for an unknown one.

    A name is that of a skill of Anthropic's, or the id or name of one's own; `@version` may follow. A Record
    of a skill is one too. The service is asked only about names.
    """
    found = {skill["skill_id"]: skill for skill in before}
    for given in [names] if isinstance(names, str) else names:
        name, _, version = str(given["id"] if isinstance(given, dict) else given).partition("@")
        kind = "anthropic" if name in SKILLS else "custom"
        own = kind == "custom" and not name.startswith("skill_")
        skill_id = called.skill(client(), name) if own else name
        found[skill_id] = {"type": kind, "skill_id": skill_id, "version": version or "latest"}
    if len(found) > MOST:
        raise InputError(f"A question can use {MOST} skills", hint="Start anew with fewer: --new.")
    return list(found.values())


def room(wanted: Sequence[Skill], container: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters of a call that uses skills, in the container of the turns before."""
    if not wanted:
        return {}
    known = {"id": container["id"]} if container else {}
    return {"container": {**known, "skills": list(wanted)}, "tools": [CODE]}


class MadeFile(Record):
    """A file that code made at the service: `file_id`, and where it is known `filename` and `size_bytes`."""

    __slots__ = ("_client",)
    _client: Client

    @property
    def id(self) -> str:
        """The `file_id`, which `client.files` calls `id`."""
        return str(self["file_id"])

    @property
    def name(self) -> str:
        """A name to save it under: the service's as a plain file name, or the id."""
        last = str(self.get("filename") or "").replace("\\", "/").rpartition("/")[2]
        return re.sub(r"[^\w .()+-]", "_", last).strip(". ") or str(self["file_id"])

    def download(self, to: str | os.PathLike[str] = ".") -> Path:
        """Fetch it to a path, or into a folder under a name that is free there; return the path.

        Raises ClaudeError.
        """
        client = getattr(self, "_client", None) or current.client()
        found: Path = client.files.download(self["file_id"], to)
        return found


def files(message: Message, client: Client | None = None) -> list[MadeFile]:
    """Return the files that a message's code made; what is known of them is asked for with a `client`."""
    ids = list(dict.fromkeys(_made(message.get("content") or ())))
    facts: dict[str, Any] = {}
    if client is not None and ids:
        with contextlib.suppress(APIError):  # an id is enough to fetch a file
            facts = {one["id"]: one for one in client.files.list(ids=ids[:MOST_ASKED])}
    found = []
    for file_id in ids:
        known = {k: v for k, v in facts.get(file_id, {}).items() if k not in ("id", "type")}
        made = MadeFile({"type": "made_file", "file_id": file_id, **known})
        if client is not None:
            made._client = client  # noqa: SLF001 - a field of the wire's would be a key
        found.append(made)
    return found


def _made(content: Iterable[Any]) -> Iterator[str]:
    """Yield the ids of files in the results of code."""
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(kind, str) and kind.endswith("code_execution_tool_result"):
            result = block.get("content")
            outputs = result.get("content") if isinstance(result, dict) else None
            for output in outputs if isinstance(outputs, list) else ():
                if isinstance(output, dict) and isinstance(output.get("file_id"), str):
                    yield output["file_id"]
        elif kind == "container_upload" and isinstance(block.get("file_id"), str):
            yield block["file_id"]

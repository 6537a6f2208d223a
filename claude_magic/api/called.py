"""Which object of the service is meant by a name where its id is wanted?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError, nearest
from claude_magic.grammar.flags import SKILLS
from claude_magic.prompts.media import FILE_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from claude_magic.api.client import Client

NAMES = ("filename", "display_name", "name", "email")
"""Fields that things are called by."""
MOST_ASKED = 20  # skills whose SKILL.md is looked into
MOST_TOLD = 5  # ids of things of one name that are told
PAGE = 1000  # items asked for at once


def chosen(word: str, items: Iterable[Mapping[str, Any]], what: str, typed: str) -> str:
    """Return the id of the one thing that is called `word`; raises InputError for none and for several.

    What is written in the same way goes before what differs in capitals only; `typed` shows what there is.
    """
    found = list(items)
    same = [item for item in found if word in _names(item)]
    alike = same or [i for i in found if word.casefold() in (name.casefold() for name in _names(i))]
    if not alike:
        near = nearest(word, [name for item in found for name in _names(item)[1:]])
        guess = f"Did you mean {near}? " if near else ""
        raise InputError(f"There is no {what} {word!r}", hint=f"{guess}Type {typed} to see what there is.")
    return _only(word, [str(item["id"]) for item in alike], what)


def _names(item: Mapping[str, Any]) -> list[str]:
    return [str(item["id"]), *(str(item[name]) for name in NAMES if item.get(name))]


def _only(word: str, ids: list[str], what: str) -> str:
    if len(ids) == 1:
        return ids[0]
    raise InputError(
        f"{len(ids)} {what}s are called {word!r}: {told(ids)}",
        hint=f"Give the id of one of them, such as {ids[0]}.",
    )


def told(words: Sequence[str]) -> str:
    """Return the first few words, and how many more there are."""
    more = f" and {len(words) - MOST_TOLD} more" if len(words) > MOST_TOLD else ""
    return f"{', '.join(words[:MOST_TOLD])}{more}"


def file(client: Client, word: str) -> str:
    """Return the id of a file that is given by its id or its name; raises ClaudeError."""
    if FILE_ID.fullmatch(word):
        return word
    return chosen(word, client.files.list(limit=PAGE), "file", "%claude files")


def skill(client: Client, word: str) -> str:
    """Return the id of a skill given by its id, its display name or the name in its SKILL.md.

    One of Anthropic's is its own id. Raises ClaudeError.
    """
    if word in SKILLS or word.startswith("skill_"):
        return word
    own = list(client.skills.list(source="custom", limit=PAGE))
    if not any(word.casefold() in map(str.casefold, _names(item)) for item in own):
        if ids := [str(item["id"]) for item in own[:MOST_ASKED] if _inside(client, item) == word]:
            return _only(word, ids, "skill")
        own += [{"id": name, "display_name": name} for name in SKILLS]  # as what might have been meant
    return chosen(word, own, "skill", "%claude skills")


def _inside(client: Client, item: Mapping[str, Any]) -> Any:
    """Return the name in a skill's SKILL.md."""
    return client.skills.versions.retrieve(item["id"], item["latest_version_id"]).get("name")

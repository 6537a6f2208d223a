"""Which skills are there, and which versions of them?

https://platform.claude.com/docs/en/build-with-claude/skills-guide
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice.kinds import check
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import bundle, parts
from claude_magic.practice.storage.files import attachment
from claude_magic.practice.stored.shelves import first, store

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Practice
    from claude_magic.practice.stored.shelves import Asked, Item

OLD_FORM = "skills-2025-10-02"
"""The beta name that selects the first form: other names, versions by their time, deleted one by one."""
SOURCES = ("custom", "anthropic")
MOST_DISPLAY = 255  # characters
SKILLS, VERSIONS = "skills", "skills.versions"


class Snapshot(NamedTuple):
    """What a version holds; `stamp` is what the first form calls it: microseconds since 1970."""

    bundle: bundle.Bundle
    stamp: int


def create(asked: Asked) -> dict[str, Any]:
    """Make a skill of a folder or a zip; raises Refusal."""
    sent = parts.read(asked.exchange.request)
    content = bundle.read(sent)
    title = parts.text(sent, "display_title" if _old(asked) else "display_name")
    if title is not None and (not 0 < len(title) <= MOST_DISPLAY or len(title.splitlines()) > 1):
        refuse("display_name", f"Input should be one line of 1 to {MOST_DISPLAY} characters")
    skill = asked.put(SKILLS, {"display_name": title or content.name}, {})
    skill.kept = content.name
    _add(asked, skill, content)
    return _shown(asked, skill)


def create_version(asked: Asked) -> dict[str, Any]:
    """Add a version of the same name to a skill; raises Refusal."""
    skill, content = _own(asked), bundle.read(parts.read(asked.exchange.request))
    if content.name != skill.kept:
        refuse("SKILL.md: name", f"{content.name!r} is not the name of this skill, {skill.kept!r}")
    return _shown(asked, _add(asked, skill, content))


def _add(asked: Asked, skill: Item, content: bundle.Bundle) -> Item:
    stamps = [version.kept.stamp + 1 for version in asked.found(VERSIONS, **skill.place)]
    given = {"name": content.name, "description": content.description}
    version = asked.put(VERSIONS, given, skill.place)
    version.kept = Snapshot(content, max(round(asked.exchange.now * 1e6), *stamps, 0))
    skill.value |= {"latest_version_id": version.value["id"], "updated_at": asked.maker.now}
    return version


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of skills, or of a skill's versions, the newest first; raises Refusal."""
    check(asked.exchange.many("source"), [SOURCES], "source")
    page = asked.listed(asked.found())
    if _old(asked):
        items = {item.value["id"]: item for item in asked.found()}
        data = [_shown(asked, items[value["id"]]) for value in page["data"]]
        page |= {"data": data, "has_more": page["next_page"] is not None}
    return page


def retrieve(asked: Asked) -> dict[str, Any]:
    """Return a skill, or a version; raises Refusal."""
    return _shown(asked, _version(asked) if asked.space == VERSIONS else asked.own())


def delete(asked: Asked) -> dict[str, Any]:
    """Forget a skill and its versions, which in the first form must be gone; raises Refusal."""
    skill = _own(asked)
    if _old(asked) and asked.found(VERSIONS):
        refuse("", f"The skill {skill.value['id']} has versions: delete them first")
    asked.remove(skill)
    return asked.answer(skill)


def delete_version(asked: Asked) -> dict[str, Any]:
    """Forget a version that is not the last, but in the first form even that; raises Refusal."""
    skill, version = _own(asked), _version(asked)
    asked.remove(version)
    left = asked.found(VERSIONS, **skill.place)
    if not left and not _old(asked):
        refuse("", "A skill holds at least one version: delete the skill instead")
    skill.value["latest_version_id"] = left[-1].value["id"] if left else ""
    return {**asked.answer(version), "id": asked.names["version"]}


def download(asked: Asked) -> Response:
    """Return a version's files as a zip; raises Refusal."""
    _own(asked)
    data = _version(asked).kept.bundle
    packed = data.zip()
    return attachment(f"{data.name}.zip", "application/zip", len(packed), packed)


def resolve(practice: Practice, source: str, skill_id: str, version: str = "latest") -> Item:
    """Return the version that a message names by its id, its stamp or `latest`; raises Refusal (404)."""
    items = store(practice).items
    found = [
        item
        for item in items["SkillVersion"]
        if item.value["skill_id"] == skill_id and version in (item.value["id"], _stamp(item), "latest")
    ]
    sources = [item.value["source"]["type"] for item in items["Skill"] if item.value["id"] == skill_id]
    if sources != [source] or not found:
        raise Refusal(404, f"Skill not found: {skill_id} ({source}, version {version})")
    return found[-1]


def prebuilt(version: Item) -> bool:
    """Return whether a version is of one of Anthropic's skills."""
    return version.kept is None


def _old(asked: Asked) -> bool:
    return OLD_FORM in asked.exchange.betas


def _own(asked: Asked) -> Item:
    """Return the skill of a call that may change it; raises Refusal (403) for one of Anthropic's."""
    skill = first(asked.found(SKILLS, skill_id=asked.names["skill_id"]), "skill_id", asked.names["skill_id"])
    if skill.value["source"]["type"] != "custom":
        raise Refusal(403, f"The skill {skill.value['id']} is of Anthropic: it can be used, no more")
    return skill


def _version(asked: Asked) -> Item:
    """Return the version a path names: by id, in the first form by its stamp; raises Refusal (404)."""
    wanted = asked.names["version"]
    for version in asked.found(VERSIONS, skill_id=asked.names["skill_id"]):
        if wanted == (_stamp(version) if _old(asked) else version.value["id"]):
            return version
    raise Refusal(404, f"Skill version not found: {wanted}")


def _stamp(version: Item) -> str:
    return version.value["id"] if prebuilt(version) else str(version.kept.stamp)


def _shown(asked: Asked, item: Item) -> dict[str, Any]:
    """Return a skill or a version in the form that was asked for."""
    value = item.value
    if not _old(asked):
        return value
    if value["type"] == "skill_version":
        directory = value["name"] if prebuilt(item) else item.kept.bundle.directory
        return {**value, "version": _stamp(item), "directory": directory}
    versions = asked.found(VERSIONS, skill_id=value["id"])
    return {
        **{name: value[name] for name in ("id", "type", "created_at", "updated_at")},
        "display_title": value["display_name"],
        "latest_version": _stamp(versions[-1]) if versions else None,
        "source": value["source"]["type"],
    }


RULES = {
    f"{SKILLS}.create": create,
    f"{SKILLS}.list": listed,
    f"{SKILLS}.retrieve": retrieve,
    f"{SKILLS}.delete": delete,
    f"{VERSIONS}.create": create_version,
    f"{VERSIONS}.list": listed,
    f"{VERSIONS}.retrieve": retrieve,
    f"{VERSIONS}.delete": delete_version,
    f"{VERSIONS}.download": download,
}

"""Which skills are there, and which versions of them?

https://platform.claude.com/docs/en/build-with-claude/skills-guide
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.storage import bundle, parts
from claude_magic.practice.storage.bundle import Bundle
from claude_magic.practice.storage.files import attachment, moment

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

OLD_FORM = "skills-2025-10-02"
"""The beta name that selects the first form: other names, versions by their time, deleted one by one."""
SOURCES = ("custom", "anthropic")
MOST_DISPLAY = 255  # characters
PREBUILT_DAY, PREBUILT_VERSION = 1_760_313_600.0, "20251013"
PREBUILT = {
    # id -> (display name, description)
    "xlsx": ("Excel workbooks (practice)", "Makes a small workbook from the prompt."),
    "pptx": ("PowerPoint presentations (practice)", "Makes a small presentation from the prompt."),
    "docx": ("Word documents (practice)", "Makes a small document from the prompt."),
    "pdf": ("PDF documents (practice)", "Makes a one-page PDF from the prompt."),
}


@dataclass(frozen=True, slots=True)
class Version:
    """One snapshot of a skill; `stamp` is what the first form calls it: microseconds since 1970."""

    id: str
    stamp: str
    skill_id: str
    created: float
    bundle: Bundle

    def shown(self, *, old: bool) -> dict[str, Any]:
        """Return the version as the service describes it."""
        found = {
            "id": self.id,
            "type": "skill_version",
            "skill_id": self.skill_id,
            "name": self.bundle.name,
            "description": self.bundle.description,
            "created_at": moment(self.created),
        }
        return {**found, "version": self.stamp, "directory": self.bundle.directory} if old else found


@dataclass(slots=True)
class Skill:
    """A skill and its versions, the oldest first."""

    id: str
    display_name: str
    source: str
    created: float
    updated: float
    name: str
    versions: list[Version] = field(default_factory=list)

    def shown(self, *, old: bool) -> dict[str, Any]:
        """Return the skill as the service describes it."""
        times = {"created_at": moment(self.created), "updated_at": moment(self.updated)}
        names: dict[str, Any]
        if old:
            latest = self.versions[-1].stamp if self.versions else None
            names = {"display_title": self.display_name, "latest_version": latest, "source": self.source}
        else:
            latest = self.versions[-1].id if self.versions else ""
            source = {"type": self.source}
            names = {"display_name": self.display_name, "latest_version_id": latest, "source": source}
        return {"id": self.id, "type": "skill", **names, **times}

    def add(self, version_id: str, now: float, content: Bundle) -> Version:
        """Add a version; raises Refusal for another skill's content."""
        if content.name != self.name:
            refuse("SKILL.md: name", f"{content.name!r} is not the name of this skill, {self.name!r}")
        stamp = max(round(now * 1e6), *(int(v.stamp) + 1 for v in self.versions), 0)
        self.versions.append(Version(version_id, str(stamp), self.id, now, content))
        self.updated = now
        return self.versions[-1]


class Rack:
    """The skills of a server: Anthropic's, and what was uploaded."""

    def __init__(self) -> None:
        self.skills = {name: _prebuilt(name) for name in PREBUILT}

    def find(self, skill_id: str) -> Skill:
        """Return a skill; raises Refusal (404)."""
        if skill_id not in self.skills:
            raise Refusal(404, f"Skill not found: {skill_id}")
        return self.skills[skill_id]

    def own(self, skill_id: str) -> Skill:
        """Return a skill that may be changed; raises Refusal (404, or 403 for one of Anthropic's)."""
        skill = self.find(skill_id)
        if skill.source != "custom":
            raise Refusal(403, f"The skill {skill_id} is published by Anthropic and can only be read")
        return skill

    def resolve(self, source: str, skill_id: str, version: str = "latest") -> Version:
        """Return the version that a message names by its id, its stamp or `latest`; raises Refusal (404)."""
        skill = self.find(skill_id)
        names = [v for v in skill.versions if version in (v.id, v.stamp, "latest")]
        if skill.source != source or not names:
            raise Refusal(404, f"Skill not found: {skill_id} ({source}, version {version})")
        return names[-1]


def prebuilt(version: Version) -> bool:
    """Return whether a version is of one of Anthropic's skills."""
    return version.skill_id in PREBUILT


def _prebuilt(name: str) -> Skill:
    title, description = PREBUILT[name]
    lines = f"---\nname: {name}\ndescription: {description}\n---\n"
    content = Bundle(name, description, name, {f"{name}/SKILL.md": lines.encode()})
    version = Version(PREBUILT_VERSION, PREBUILT_VERSION, name, PREBUILT_DAY, content)
    return Skill(name, title, "anthropic", PREBUILT_DAY, PREBUILT_DAY, name, [version])


def _old(exchange: Exchange) -> bool:
    return OLD_FORM in exchange.betas


def _create(practice: Practice, exchange: Exchange) -> Response:
    sent = parts.read(exchange.request)
    content = bundle.read(sent)
    title = parts.text(sent, "display_title" if _old(exchange) else "display_name")
    if title is not None and (not 0 < len(title) <= MOST_DISPLAY or len(title.splitlines()) > 1):
        refuse("display_name", f"Input should be one line of 1 to {MOST_DISPLAY} characters")
    now, skill_id = exchange.now, practice.new_id("skill")
    skill = Skill(skill_id, title or content.name, "custom", now, now, content.name)
    skill.add(practice.new_id("skver"), now, content)
    practice.of(Rack).skills[skill_id] = skill
    return practice.json(skill.shown(old=_old(exchange)))


def _list(practice: Practice, exchange: Exchange) -> Response:
    source, kept = exchange.one("source"), [*practice.of(Rack).skills.values()]
    if source and source not in SOURCES:
        refuse("source", f"Input should be {' or '.join(map(repr, SOURCES))}")
    shown = [
        skill.shown(old=_old(exchange)) for skill in reversed(kept) if source in (None, "", skill.source)
    ]
    return practice.json(_paged(shown, exchange))


def _paged(shown: list[dict[str, Any]], exchange: Exchange) -> dict[str, Any]:
    found = page(shown, exchange)
    return {**found, "has_more": found["next_page"] is not None} if _old(exchange) else found


def _retrieve(practice: Practice, exchange: Exchange) -> Response:
    skill = practice.of(Rack).find(exchange.names["skill_id"])
    return practice.json(skill.shown(old=_old(exchange)))


def _delete(practice: Practice, exchange: Exchange) -> Response:
    rack = practice.of(Rack)
    skill = rack.own(exchange.names["skill_id"])
    if _old(exchange) and skill.versions:
        refuse("", f"The skill {skill.id} has versions: delete them first")
    del rack.skills[skill.id]
    return practice.json({"id": skill.id, "type": "skill_deleted"})


def _add_version(practice: Practice, exchange: Exchange) -> Response:
    skill, content = _own(practice, exchange), bundle.read(parts.read(exchange.request))
    version = skill.add(practice.new_id("skver"), exchange.now, content)
    return practice.json(version.shown(old=_old(exchange)))


def _own(practice: Practice, exchange: Exchange) -> Skill:
    return practice.of(Rack).own(exchange.names["skill_id"])


def _versions(practice: Practice, exchange: Exchange) -> Response:
    skill = practice.of(Rack).find(exchange.names["skill_id"])
    shown = [version.shown(old=_old(exchange)) for version in reversed(skill.versions)]
    return practice.json(_paged(shown, exchange))


def _version(skill: Skill, exchange: Exchange) -> Version:
    """Return the version a path names: by id, in the first form by its stamp; raises Refusal (404)."""
    wanted = exchange.names["version"]
    for version in skill.versions:
        if wanted == (version.stamp if _old(exchange) else version.id):
            return version
    raise Refusal(404, f"Skill version not found: {wanted}")


def _retrieve_version(practice: Practice, exchange: Exchange) -> Response:
    skill = practice.of(Rack).find(exchange.names["skill_id"])
    return practice.json(_version(skill, exchange).shown(old=_old(exchange)))


def _delete_version(practice: Practice, exchange: Exchange) -> Response:
    skill = _own(practice, exchange)
    version = _version(skill, exchange)
    if len(skill.versions) == 1 and not _old(exchange):
        refuse("", "A skill holds at least one version: delete the skill instead")
    skill.versions.remove(version)
    gone = version.stamp if _old(exchange) else version.id
    return practice.json({"id": gone, "type": "skill_version_deleted"})


def _content(practice: Practice, exchange: Exchange) -> Response:
    data = _version(_own(practice, exchange), exchange).bundle
    packed = data.zip()
    return attachment(f"{data.name}.zip", "application/zip", len(packed), packed)


ROWS: Answers = {
    "skills.create": _create,
    "skills.list": _list,
    "skills.retrieve": _retrieve,
    "skills.delete": _delete,
    "skills.versions.create": _add_version,
    "skills.versions.list": _versions,
    "skills.versions.retrieve": _retrieve_version,
    "skills.versions.delete": _delete_version,
    "skills.versions.download": _content,
}


def _answer(practice: Practice, exchange: Exchange) -> Response:
    practice.pool(exchange, "skills").admit(exchange.now)
    return ROWS[exchange.row.name](practice, exchange)


ANSWERS: Answers = dict.fromkeys(ROWS, _answer)

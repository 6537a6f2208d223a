"""Which verbs do %claude files, skills, batches, admin and replay take?

One row each. The parser, help, completion and errors come from this table; `service.py` does what a row says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.errors import InputError, nearest
from claude_magic.grammar.words import short

if TYPE_CHECKING:
    from collections.abc import Iterator

_PART = re.compile(r"\[(?P<option>--\w+|[a-z]+)(?: (?P<value>[A-Z]+…?))?\]|\[?(?P<place>[A-Z_|]+)…?\]?")
_SHORT = re.compile(r"-[a-zA-Z]")


class Verb(NamedTuple):
    """One verb: `usage` says what follows it; one that asks first says what it `does` and has `done`.

    In a usage, brackets hold what may be left out, … stands for several, small words and --words for options.
    """

    name: str
    usage: str
    help: str
    does: str = ""
    done: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """What it takes by place, such as ("ID", "[TO]")."""
        return tuple(found[0] for found in _PART.finditer(self.usage) if found["place"])

    @property
    def least(self) -> int:
        """How many words it needs."""
        return sum(not place.startswith("[") for place in self.places)

    @property
    def most(self) -> int | None:
        """How many words it takes; None: any number."""
        return None if any("…" in place for place in self.places) else len(self.places)

    @property
    def options(self) -> dict[str, str]:
        """Its options, and what stands for their values: "" for a switch, "WHAT…" for several."""
        return {f["option"]: f["value"] or "" for f in _PART.finditer(self.usage) if f["option"]}


class Asked(NamedTuple):
    """A verb with what was given: words by place, and options (a switch has no words)."""

    verb: Verb
    places: list[str]
    options: dict[str, list[str]]


_PERIOD = "[START] [END] [by WHAT…] [every WIDTH]"
WIDTHS = ("1d", "1h", "1m", "none")
GROUPS = ("model", "workspace_id", "api_key_id", "product", "service_tier", "actor", "inference_geo")
"""What usage and cost are most often grouped by; the API knows more."""
ROLES = ("user", "developer", "billing", "claude_code_user", "managed")
WORKSPACE_ROLES = (
    "workspace_user",
    "workspace_developer",
    "workspace_restricted_developer",
    "workspace_admin",
)
# fmt: off
VERBS: dict[str, tuple[Verb, ...]] = {
    # a command: its verbs, the one that is meant when none is given first
    "files": (
        Verb("list", "", "the files of the workspace, newest first"),
        Verb("get", "ID", "what is known of a file; ID is its id or its name"),
        Verb("upload", "PATH [--as NAME]", "upload a file, or a frame: {df}; the result has its .id"),
        Verb("download", "ID [TO]", "fetch a file that code made, or those of an answer: {x}, into this "
             "folder, the folder TO, or under the name TO"),
        Verb("delete", "ID… [--yes]", "delete files for good", "Delete", "Deleted"),
    ),
    "skills": (
        Verb("list", "", "Anthropic's skills and your own"),
        Verb("get", "ID", "what is known of a skill; ID is its id or its name"),
        Verb("create", "FOLDER|ZIP [--as NAME]", "upload a skill: a folder with SKILL.md, or a zip of one"),
        Verb("update", "ID FOLDER|ZIP", "upload a new version of a skill"),
        Verb("versions", "ID", "the versions of a skill"),
        Verb("download", "ID [TO]", "fetch the newest version of your own skill as a zip"),
        Verb("delete", "ID… [--yes]", "delete skills with all their versions", "Delete", "Deleted"),
    ),
    "batches": (
        Verb("list", "", "the batches of the workspace, newest first"),
        Verb("get", "ID", "how far a batch is"),
        Verb("results", "ID", "the answers of a batch that has ended, a row each"),
        Verb("cancel", "ID… [--yes]", "stop batches; what has ended keeps its result", "Cancel", "Canceled"),
        Verb("delete", "ID… [--yes]", "delete ended batches and their results", "Delete", "Deleted"),
    ),
    "admin": (
        Verb("who", "", "the organization that the admin key belongs to"),
        Verb("users", "", "its people and their roles"),
        Verb("role", "USER ROLE", "give somebody another role"),
        Verb("remove", "USER… [from WORKSPACE] [--yes]",
             "remove people from the organization or a workspace", "Remove", "Removed"),
        Verb("invites", "", "the invitations"),
        Verb("invite", "EMAIL ROLE", "invite somebody: user, developer, billing, claude_code_user"),
        Verb("withdraw", "INVITE… [--yes]", "take invitations back", "Withdraw", "Withdrawn"),
        Verb("workspaces", "", "the workspaces that are not archived"),
        Verb("members", "WORKSPACE", "who is in a workspace"),
        Verb("add", "USER WORKSPACE [WORKSPACE_ROLE]", "let somebody into a workspace, as workspace_user"),
        Verb("archive", "WORKSPACE… [--yes]",
             "archive workspaces for good, and revoke their keys", "Archive", "Archived"),
        Verb("keys", "", "the API keys, by their last characters"),
        Verb("disable", "KEY… [--yes]", "switch API keys off", "Disable", "Disabled"),
        Verb("enable", "KEY…", "switch API keys on again"),
        Verb("limits", "[WORKSPACE]", "the rate limits of the organization or a workspace"),
        Verb("usage", _PERIOD, "tokens by day, of 7 days or from START (2026-11-01 in UTC, or 30d ago)"),
        Verb("cost", _PERIOD, "USD by day, as usage; WIDTH is 1d, 1h, 1m or none"),
    ),
    "replay": (
        Verb("status", "", "the mode, the file beside the notebook, and what is recorded in it"),
        Verb("auto", "[PATH]", "play what is recorded, ask and record the rest; PATH: in another file"),
        Verb("only", "[PATH]", "play what is recorded and ask nothing; needs no key"),
        Verb("refresh", "[PATH]", "ask all anew and record it in the place of what was there"),
        Verb("off", "", "ask, and record nothing"),
        Verb("forget", "LINE… [--yes]", "take lines out of the file: 3, 1-2, or all", "Forget", "Forgotten"),
        Verb("check", "", "the lines that are not as they were recorded"),
    ),
}
# fmt: on


MEANT = {
    # another word for a verb, and what may be meant by it
    "rm": "delete", "del": "delete", "remove": "delete", "erase": "delete", "ls": "list", "dir": "list",
    "show": "get", "info": "get", "describe": "get", "retrieve": "get", "cat": "get", "put": "upload",
    "add": "upload create", "new": "create", "send": "create", "submit": "create", "fetch": "download",
    "save": "download", "stop": "cancel", "abort": "cancel", "me": "who", "whoami": "who", "org": "who",
    "organization": "who", "people": "users", "revoke": "disable",
}  # fmt: skip
_IN_PYTHON = "In Python: from claude_magic import Client; Client()."
ELSEWHERE = {
    # what the verbs do not do, and what to type for it
    "batches create": f"Rows: claude_magic.batch(df, …). {_IN_PYTHON}messages.batches.create(requests=[…])",
    "skills versions get": f"{_IN_PYTHON}skills.versions.retrieve(VERSION, skill_id=ID)",
    "skills versions delete": f"{_IN_PYTHON}skills.versions.delete(VERSION, skill_id=ID)",
    "batches wait": "Look now and then: %claude batches get ID. Its results are there when it has ended.",
    "admin users add": "Type %claude admin invite EMAIL ROLE",
    "admin users create": "Type %claude admin invite EMAIL ROLE",
    "admin users delete": "Type %claude admin remove USER",
    "admin users remove": "Type %claude admin remove USER",
    "admin invites create": "Type %claude admin invite EMAIL ROLE",
    "admin invites delete": "Type %claude admin withdraw INVITE",
    "admin workspaces create": f'{_IN_PYTHON}organization.workspaces.create(name="…")',
    "admin workspaces update": f'{_IN_PYTHON}organization.workspaces.update(ID, name="…")',
    "admin workspaces archive": "Type %claude admin archive WORKSPACE",
    "admin workspaces delete": "Type %claude admin archive WORKSPACE",
    "admin keys create": "Keys are made in the Console: https://platform.claude.com/settings/keys",
    "admin keys delete": "Type %claude admin disable KEY",
    "admin keys disable": "Type %claude admin disable KEY",
    "admin keys enable": "Type %claude admin enable KEY",
}
LESS = "Keep the list and take a part of it: x = %claude {}, then x.head(10)"


def find(command: str, name: str) -> Verb | None:
    """Return a command's verb, or None."""
    return next((verb for verb in VERBS[command] if verb.name == name), None)


def read(command: str, words: list[str]) -> Asked:
    """Read the words after a command; raises InputError, which names the nearest verb and shows all."""
    first, *rest = words or [VERBS[command][0].name]
    verb = find(command, first)
    if verb is None:
        raise _no_verb(command, first)
    return _given(command, verb, rest)


def _no_verb(command: str, word: str) -> InputError:
    names = [verb.name for verb in VERBS[command]]
    meant = next((n for n in MEANT.get(word, "").split() if n in names), None)
    elsewhere = ELSEWHERE.get(f"{command} {'create' if 'create' in MEANT.get(word, '') else word}", "")
    near = None if elsewhere else find(command, meant or nearest(word, names) or "")
    guess = f"Did you mean %claude {shown(command, near)}? " if near else ""
    there = f"There is: %claude {command} {'|'.join(names)}; more in %claude help {command}"
    return InputError(f"%claude {command} has no verb {short(word)!r}", hint=f"{guess}{elsewhere or there}")


def asks_help(words: list[str]) -> bool:
    """Say whether the words after a command ask what there is to type."""
    return words == ["help"] or words[-1:] in (["--help"], ["-h"])


def _given(command: str, verb: Verb, words: list[str]) -> Asked:
    places: list[str] = []
    options: dict[str, list[str]] = {}
    taking: list[str] | None = None
    for word in words:
        word = "--yes" if word == "-y" else word
        name, equals, value = word.partition("=")
        if name in verb.options and name not in options:
            taking = options[name] = [value] if equals else []
            wants = verb.options[name]
            if not wants or (equals and "…" not in wants):
                taking = None
        elif word.startswith("--") or _SHORT.fullmatch(word):
            less = LESS.format(f"{command} {verb.name}") if name in ("--limit", "--head", "-n") else ""
            raise _wrong(command, verb, f"takes no {short(word)}", less)
        elif taking is not None:
            taking += [part for part in word.split(",") if part] if "…" in wants else [word]
            taking = taking if "…" in wants else None
        else:
            places.append(word)
    if lacking := next((n for n, given in options.items() if verb.options[n] and not given), None):
        raise _wrong(command, verb, f"needs {verb.options[lacking]} after {lacking}")
    if verb.most is not None and len(places) > verb.most and places[-1] == "list":
        del places[-1]  # "admin users list"
    if len(places) < verb.least:
        raise _wrong(command, verb, f"needs {verb.places[len(places)].removesuffix('…')}")
    if verb.most is not None and len(places) > verb.most:
        what = f"{verb.most} word{'s' * (verb.most != 1)}" if verb.most else "nothing more"
        elsewhere = ELSEWHERE.get(f"{command} {verb.name} {places[0]}", "")
        raise _wrong(command, verb, f"takes {what}, not {short(' '.join(places))!r}", elsewhere)
    return Asked(verb, places, options)


def _wrong(command: str, verb: Verb, what: str, hint: str = "") -> InputError:
    hint = hint or f"Type %claude {shown(command, verb)}"
    return InputError(f"%claude {command} {verb.name} {what}", hint=hint)


def shown(command: str, verb: Verb) -> str:
    """Return how a verb is typed."""
    return f"{command} {verb.name} {verb.usage}".rstrip()


def rows(command: str) -> Iterator[tuple[str, str]]:
    """Yield (how it is typed, what it does) of a command's verbs, for the help."""
    for n, verb in enumerate(VERBS[command]):
        usage = shown(command, verb)
        yield usage if n else f"{command} [{verb.name}]", verb.help


def takes(command: str, words: list[str]) -> tuple[str, list[str]]:
    """Return what can follow finished words: what stands at this place (such as "ID"), and options left."""
    verb = find(command, words[0]) if words else None
    if verb is None:
        return "", []
    places: list[str] = []
    taking = ""
    for word in words[1:]:
        if word in verb.options:
            taking = verb.options[word]
        elif not taking:
            places.append(word)
        elif "…" not in taking:
            taking = ""
    place = verb.places[min(len(places), len(verb.places) - 1)] if verb.places else ""
    if taking or (verb.most is not None and len(places) >= verb.most):
        place = taking
    left = [name for name in verb.options if name not in words]
    return place.strip("[]…"), left if "…" in taking or not taking else []

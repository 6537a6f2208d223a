"""What can be typed here?

Flags, models, values, commands and variables, on the line of a magic and in the prompt below it. The
functions are pure but for file names; IPython is imported by `install` only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, get_origin

from claude_magic.errors import InputError
from claude_magic.grammar import flags, verbs
from claude_magic.grammar.words import next_word
from claude_magic.prompts import private

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

IDENTIFIER = "claude_magic"
MOST_FILES = 200
_CELL = re.compile(r"\s*%%claude\s")
_LINE = re.compile(r"\s*(?:[^\W\d][\w.\[\]\"', ]*=\s*)?%claude[ \t]+")
_BRACE = re.compile(r"(?<!\{)\{([^\W\d]\w*)?(?::([a-z0-9 ]*))?$")
_OPEN = re.compile(r"(?<!\{)\{([^{}\n]*)$")
_WORD = re.compile(r"\w*$")

State = dict[str, Any]
"""`variables` (name to value), `threads`, `aliases`, `settings` (names), `seen` (what a list of the service
showed: "files", "USER"… to ids); any may be missing."""


class Found(NamedTuple):
    """The text before the cursor that is completed, and what may stand in its place."""

    fragment: str
    options: list[str]


def complete(text: str, row: int, column: int, state: State) -> Found | None:
    """Return what can be typed at a place in a cell, or None where it is not ours to say."""
    lines = text.split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    before = lines[row][:column]
    if lines[first].lstrip().startswith("%%"):
        header = _CELL.match(lines[first] + " ")
        if not header or row < first:
            return None
        if row > first:
            words = _typed(lines[first][header.end() :] + " ")[0]
            return _columns(before, words, state) if _of_rows(words) else _prose(before, state)
        return _header(before[header.end() :], state) if header.end() <= column else None
    asked = _LINE.match(before)
    return _question(before[asked.end() :], state) if asked else None


def _header(before: str, state: State) -> Found:
    words, fragment = _typed(before)
    words = words[2:] if words[1:2] == ["<<"] else words
    if command := _of_rows(words):
        return _over_rows(command, words[1:], fragment, state)
    if found := _flag_or_value(words, fragment, state):
        return found
    has_model = _has_model(words, state)
    options = [*([] if has_model else _models(state)), *([] if words else flags.BY_CELL)]
    return _choose(fragment, options if fragment else [*options, *_flags(words, model=has_model)])


def _over_rows(command: flags.Command, words: list[str], fragment: str, state: State) -> Found:
    """Complete a cell that goes over rows: its frame, then a model and flags."""
    known = command.flags
    if words[-1:] == ["--images"]:
        return _choose(fragment, _names_in(next(iter(_plain(words, known)), ""), state))
    if found := _flag_or_value(words, fragment, state, known):
        return found
    if not _plain(words, known):
        held: Mapping[str, Any] = state.get("variables", {})
        frames = sorted(n for n, v in held.items() if hasattr(v, "columns") and not _is_type(v))
        return _choose(fragment.removeprefix("{"), frames)
    has_model = _has_model(words, state)
    left = [] if fragment else _flags(words, known.values(), model=has_model)
    return _choose(fragment, [*([] if has_model else _models(state)), *left])


def _of_rows(words: list[str]) -> flags.Command | None:
    """Return the command of a cell that goes over rows by the words of its first line, None of another."""
    return flags.BY_CELL.get("".join(words[2:3] if words[1:2] == ["<<"] else words[:1]))


def _columns(before: str, words: list[str], state: State) -> Found:
    """Complete the columns of a cell's frame after a brace."""
    brace, command = _OPEN.search(before), _of_rows(words)
    if not brace or not command:
        return _choose(_WORD.search(before)[0], [])  # type: ignore[index] # it always matches
    after = words[words.index(command.name) + 1 :]
    return _choose(brace[1], _names_in(next(iter(_plain(after, command.flags)), ""), state))


def _names_in(frame: str, state: State) -> list[str]:
    """Return the names of a frame's columns; of none, or what is no frame, nothing."""
    columns = getattr(state.get("variables", {}).get(frame.strip("{}")), "columns", ())
    return [str(name) for name in columns] if not callable(columns) else []


def _question(before: str, state: State) -> Found:
    """Complete flags first, then a command or its first argument; in a question, only variables."""
    words, fragment = _typed(before)
    rest = _after_flags(words)
    if not rest:
        found = _flag_or_value(words, fragment, state) or (_prose(before, state) if "{" in fragment else None)
        commands = [] if words else [*flags.BY_NAME]
        return found or _choose(fragment, commands if fragment else [*commands, *_flags(words)])
    if words[0] in verbs.VERBS:
        return _verb(words[0], words[1:], fragment, state)
    command = flags.BY_NAME.get(words[0])
    return (_argument(command, words[1:], fragment, state) if command else None) or _prose(before, state)


def _argument(command: flags.Command, words: list[str], fragment: str, state: State) -> Found | None:
    """Complete what follows a command: its first and second argument, and its flags anywhere."""
    if command.takes and (found := _flag_or_value(words, fragment, state, command.flags)):
        return found
    place = len(_plain(words, command.flags))
    wanted = (command.first, command.second)[place] if place < 2 else ()
    if not wanted and not command.takes:
        return None
    left = [] if fragment else _flags(words, command.flags.values())
    return _choose(fragment, [*_arguments(wanted, fragment, state), *left])


def _plain(words: list[str], known: Mapping[str, flags.Flag]) -> list[str]:
    """Return the words that are neither a flag nor the value of one."""
    found: list[str] = []
    flag: flags.Flag | None = None
    for word in words:
        value = flag and flag.metavar and (not flag.alone or word in flag.choices)
        flag = None if value else known.get(word)
        if not value and not flag:
            found.append(word)
    return found


def _verb(command: str, words: list[str], fragment: str, state: State) -> Found:
    """Complete the verb of a command, then what it takes."""
    if not words:
        return _choose(fragment, [verb.name for verb in verbs.VERBS[command]])
    if fragment.startswith("{"):
        return _prose(fragment, state)
    place, left = verbs.takes(command, words)
    seen: Mapping[str, Iterable[str]] = state.get("seen", {})
    if place in ("PATH", "FOLDER|ZIP", "TO"):
        held: Iterable[str] = _files(fragment)
    else:
        held = PLACES.get(place) or seen.get(command if place == "ID" else place, ())
        if (command, place) == ("skills", "ID"):
            held = [*held, *flags.SKILLS]
    return _choose(fragment, [*held, *left])


PLACES = {
    "WHAT": verbs.GROUPS,
    "WIDTH": verbs.WIDTHS,
    "ROLE": verbs.ROLES,
    "WORKSPACE_ROLE": verbs.WORKSPACE_ROLES,
}


def _prose(before: str, state: State) -> Found:
    brace = _BRACE.search(before)
    variables: Mapping[str, Any] = state.get("variables", {})
    if not brace:
        return _choose(_WORD.search(before)[0], [])  # type: ignore[index] # it always matches
    name, spec = brace.groups()
    if spec is None:
        return _choose(name or "", sorted(n for n, v in variables.items() if not private.is_secret(n, v)))
    return _choose(spec, _specs(variables.get(name)))


def _specs(value: Any) -> Iterable[str]:
    """Return the parts of a frame that can be asked for; of other values none."""
    from claude_magic.prompts import grids, tables

    is_frame = hasattr(value, "iloc") or type(value).__module__.partition(".")[0] in grids.FOREIGN
    return tables.SPECS if is_frame else ()


def _choose(fragment: str, options: Iterable[str]) -> Found:
    """Keep what begins with the fragment; alone, the fragment itself keeps IPython's own guesses away."""
    chosen = [option for option in dict.fromkeys(options) if option.startswith(fragment)]
    return Found(fragment, chosen or [fragment] * bool(fragment))


def _typed(before: str) -> tuple[list[str], str]:
    """Return the finished words and the one the cursor is in ("" after a space)."""
    words: list[str] = []
    at = 0
    while True:
        start = at + len(before[at:]) - len(before[at:].lstrip())
        try:
            word = next_word(before, at)
        except InputError:  # a quote is open
            return words, before[start:]
        if not word or word.end == len(before):
            return words, before[start:]
        words.append(word.text)
        at = word.end


def _flag_or_value(
    words: list[str], fragment: str, state: State, known: Mapping[str, flags.Flag] = flags.BY_WORD
) -> Found | None:
    name, equals, value = fragment.partition("=")
    if equals and name in known:
        return _value(known[name], value, state)
    flag = known.get(words[-1]) if words else None
    if flag and flag.alone and not fragment:
        return _choose(fragment, [*flag.choices, *_flags(words, known.values())])
    if flag and flag.metavar and not (flag.alone and fragment.startswith("-")):
        return _value(flag, fragment, state)
    if not fragment.startswith("-"):
        return None
    return _choose(fragment, _flags(words, known.values(), model=_has_model(words, state)))


def _after_flags(words: list[str]) -> list[str]:
    """Return the words from the first that is neither a flag nor the value of one."""
    n = 0
    while n < len(words) and words[n].startswith("-") and words[n] != "--":
        flag = flags.BY_WORD.get(words[n])
        n += 1
        if flag and flag.metavar and not (flag.alone and {*words[n : n + 1]} - {*flag.choices}):
            n += 1
    return words[n:]


def _has_model(words: list[str], state: State) -> bool:
    return bool({"-m", "--model"} & set(words)) or any(word in _models(state) for word in words)


def _flags(words: list[str], known: Iterable[flags.Flag] = flags.FLAGS, *, model: bool = False) -> list[str]:
    """Return the flags that may still be given, long names first."""
    used = {*words, *(["--model"] if model else [])}
    left = [f for f in dict.fromkeys(known) if f.repeats or not used.intersection(f.words)]
    return [f"--{f.name}" for f in left] + [f"-{f.short}" for f in left if f.short]


def _value(flag: flags.Flag, fragment: str, state: State) -> Found:
    """Complete the value of a flag, which may be a variable in braces."""
    if flag.kind in ("path", "skill") and fragment.startswith("{"):
        return _prose(fragment, state)
    held = VALUES.get(flag.kind)
    return _choose(fragment, flag.choices or (held(fragment, state) if held else ()))


def _several(fragment: str, state: State) -> list[str]:
    """Return the models that may follow those with a comma after them."""
    before, comma, _ = fragment.rpartition(",")
    return [f"{before}{comma}{name}" for name in _models(state) if name not in before.split(",")]


def _tools(_: str, state: State) -> list[str]:
    """Return the functions of the notebook, and the tools of the service."""
    from claude_magic.tools.functions import Tool
    from claude_magic.tools.server import KNOWN

    held: Mapping[str, Any] = state.get("variables", {})
    own = (n for n, v in held.items() if isinstance(v, Tool | Callable) and not _is_type(v))
    return [*sorted(own), *(word for word, known in KNOWN.items() if not known.here)]


def _types(fragment: str, state: State) -> list[str]:
    """Return the classes and schemas of the notebook, and Python's own types."""
    from claude_magic.prompts.typenames import KNOWN

    held: Mapping[str, Any] = state.get("variables", {})
    before, bracket, _ = fragment.rpartition("[")
    names = [*sorted(name for name, value in held.items() if _is_type(value)), *KNOWN]
    return [f"{before}{bracket}{name}" for name in names]


def _is_type(value: Any) -> bool:
    if isinstance(value, dict):
        fields = bool(value) and all(isinstance(one, type) for one in value.values())
        return fields or (value.get("type") == "object" and "properties" in value)
    return isinstance(value, type) or get_origin(value) is not None


VALUES: dict[str, Callable[[str, State], Iterable[str]]] = {
    # a kind of flag: what its value can be
    "word": lambda _, state: _models(state),
    "models": _several,
    "name": lambda _, state: sorted(state.get("variables", ())),
    "thread": lambda _, state: sorted(state.get("threads", ())),
    "path": lambda fragment, state: [*_files(fragment), *state.get("seen", {}).get("files", ())],
    "skill": lambda _, state: [*flags.SKILLS, *state.get("seen", {}).get("skills", ())],
    "tool": _tools,
    "type": _types,
}


def _arguments(wanted: tuple[str, ...], fragment: str, state: State) -> Iterable[str]:
    for word in wanted:
        if word == "@models":
            yield from _models(state)
        elif word == "@topics":
            yield from [*flags.BY_NAME, *(f"--{f.name}" for f in (*flags.FLAGS, *flags.OWN))]
        elif word in ("@files", "@notebooks"):
            ends = (".ipynb", "/") if word == "@notebooks" else ("",)
            yield from (path for path in _files(fragment) if path.endswith(ends))
        else:
            yield from state.get(word[1:], ()) if word.startswith("@") else (word,)


def _models(state: State) -> list[str]:
    from claude_magic.protocol import catalog

    ids = [model.id for model in catalog.all_models() if model.status != "retired"]
    return [*state.get("aliases", ()), *catalog.SHORT, *ids]


def _files(fragment: str) -> list[str]:
    """Return the files and folders a path may go on to, quoted or escaped as the fragment is."""
    quote = fragment[:1] if fragment[:1] in ("'", '"') else ""
    typed = fragment[1:] if quote else fragment.replace("\\ ", " ")
    folder, slash, start = typed.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:  # noqa: PTH111 # "" stays ""
            names = sorted(e.name + "/" * e.is_dir() for e in entries if e.name.startswith(start))
    except (OSError, ValueError):
        return []
    shown = [n for n in names if start.startswith(".") or not n.startswith(".")][:MOST_FILES]
    paths = [folder + slash + name for name in shown]
    return [quote + path if quote else path.replace(" ", "\\ ") for path in paths]


def install(ip: Any) -> None:
    """Complete our magics in a shell; installing twice changes nothing."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    uninstall(ip)

    @context_matcher(identifier=IDENTIFIER)  # type: ignore[untyped-decorator]
    def matcher(context: Any) -> dict[str, Any]:
        if "%claude" not in context.full_text:
            return {"completions": []}
        found = complete(context.full_text, context.cursor_line, context.cursor_position, _notebook(ip))
        if not found:
            return {"completions": []}
        if not found.options:
            found = _again(context.full_text.split("\n")[context.cursor_line][: context.cursor_position])
        made = [SimpleCompletion(text=option, type="claude") for option in found.options]
        return {"completions": made, "matched_fragment": found.fragment, "suppress": True, "ordered": True}

    ip.Completer.custom_matchers.append(matcher)


def _again(before: str) -> Found:
    """Offer the word that is there, where nothing fits: only an offer keeps IPython's own guesses away."""
    word = re.search(r"\S*\s*$", before)[0]  # type: ignore[index] # it always matches
    return Found(word, [word])


def uninstall(ip: Any) -> None:
    """Take the completion away again."""
    ours = ip.Completer.custom_matchers
    ours[:] = [m for m in ours if getattr(m, "matcher_identifier", "") != IDENTIFIER]


def _plain_words(names: Iterable[str]) -> list[str]:
    """Return the names that can be typed without quotes, each once."""
    return [n for n in dict.fromkeys(names) if re.fullmatch(r"[^\W\d][\w.@+-]*", n)]


def _kept(what: str) -> Iterator[str]:
    """Yield the names of the runs or batch jobs of this machine, read when the first is asked for."""
    from claude_magic.rows.kept import journal

    held = journal.shared()
    yield from (one.name for one in (held.runs() if what == "runs" else held.batches.jobs()))


def _notebook(ip: Any) -> State:
    """Return what a notebook holds: its variables, conversations, aliases, settings and what it was shown."""
    from claude_magic import settings
    from claude_magic.repair import failing
    from claude_magic.show import listings
    from claude_magic.talk.thread import threads

    names = {k: v for k, v in ip.user_ns.items() if not k.startswith("_") and k not in ip.user_ns_hidden}
    return {
        "variables": failing.named(ip) | names,
        "threads": [thread.name for thread in threads],
        "aliases": list(settings.aliases()),
        "settings": list(settings.OPTIONS),
        "runs": _kept("runs"),
        "batches": _kept("jobs"),
        "seen": {kind: [*ids, *_plain_words(ids.values())] for kind, ids in listings.seen.items()},
    }

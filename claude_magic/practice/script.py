r"""Which answers did a teacher write for a lesson?

A lesson is a TOML file of pairs, tried from the top against the last user text:

    [[answer]]
    when = "what is a (\\w+)"     # a regular expression, case ignored; or `contains = "plain words"`
    say = "A {1} is what we learn about in chapter 3."    # {1} {2} … are the groups, {0} the whole match
    model = "claude-haiku-5-5"    # only for this model
    delay = 1.5                   # seconds before the answer begins
    tool = "get_weather"          # call this tool instead of speaking …
    input = { city = "{1}" }      # … with these arguments
    error = 529                   # or refuse with this status; `say` is its message

`lesson.example.toml` beside this file is one to copy. What a lesson says is labelled practice like all else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from claude_magic.errors import InputError
from claude_magic.practice.refusal import TYPES, Refusal

FIELDS: dict[str, Any] = {
    "when": str,
    "contains": str,
    "say": str,
    "model": str,
    "delay": (int, float),
    "tool": str,
    "input": dict,
    "error": int,
}
EXAMPLE = Path(__file__).with_name("lesson.example.toml")
LOOK = f"An example is {EXAMPLE}"
GROUP = re.compile(r"\{(\d)\}")


@dataclass(frozen=True, slots=True)
class Line:
    """One pair of a lesson, as written or with a match filled in; `delay` in seconds."""

    pattern: re.Pattern[str]
    say: str = ""
    model: str | None = None
    delay: float = 0.0
    tool: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    error: int | None = None


class Lesson:
    """The pairs of a file, in order."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def answer(self, prompt: str, model: str) -> Line | None:
        """Return the first matching pair, filled in, or None; raises Refusal where it is an error."""
        for line in self.lines:
            match = line.pattern.search(prompt)
            if match and line.model in (None, model):
                said = replace(line, say=_with(match, line.say), input=_with(match, line.input))
                if line.error:
                    headers = {"retry-after-ms": f"{line.delay * 1000:g}"} if line.delay else None
                    raise Refusal(line.error, said.say or "a lesson's error", headers=headers)
                return said
        return None


def load(path: Path | str | None) -> Lesson:
    """Read a lesson; raises InputError naming the file and what is wrong in it."""
    if path is None:
        return Lesson([])
    import tomllib

    try:
        data = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as problem:
        raise InputError(
            f"The lesson {path} cannot be read: {problem.strerror}", hint="Check the path."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"The lesson {path} is not TOML: {problem}", hint=LOOK) from None
    _only(data, {"answer": list, "title": str}, f"{path}")
    return Lesson([_line(pair, f"{path}, answer {n}") for n, pair in enumerate(data.get("answer", []), 1)])


def _line(pair: Any, where: str) -> Line:
    _only(pair, FIELDS, where)
    found = dict(pair)
    when, contains = found.pop("when", None), found.pop("contains", None)
    if (when is None) == (contains is None):
        raise InputError(f"{where}: give one of `when` and `contains`", hint=LOOK)
    if not {"say", "tool", "error"} & set(found):
        raise InputError(f"{where}: give `say`, `tool` or `error`", hint=LOOK)
    if found.get("error") not in (None, *TYPES):
        hint = f"Take one of {', '.join(map(str, TYPES))}."
        raise InputError(f"{where}: `error` is {found['error']}", hint=hint)
    try:
        pattern = re.compile(when if contains is None else re.escape(contains), re.IGNORECASE)
    except re.error as problem:
        hint = "Or use `contains`."
        raise InputError(f"{where}: `when` is no regular expression: {problem}", hint=hint) from None
    return Line(pattern, **found)


def _only(table: Any, fields: dict[str, Any], where: str) -> None:
    if not isinstance(table, dict):
        raise InputError(f"{where}: not a table", hint=LOOK)
    if unknown := sorted(set(table) - set(fields)):
        raise InputError(f"{where}: unknown {', '.join(unknown)}", hint=f"Known are {', '.join(fields)}.")
    for name, value in table.items():
        if not isinstance(value, fields[name]) or isinstance(value, bool):
            raise InputError(f"{where}: `{name}` has a wrong kind of value", hint=LOOK)


def _with(match: re.Match[str], value: Any) -> Any:
    if isinstance(value, str):
        return GROUP.sub(lambda g: _group(match, int(g.group(1))), value)
    if isinstance(value, dict):
        return {k: _with(match, v) for k, v in value.items()}
    return [_with(match, v) for v in value] if isinstance(value, list) else value


def _group(match: re.Match[str], number: int) -> str:
    return (match.group(number) or "") if number <= match.re.groups else f"{{{number}}}"

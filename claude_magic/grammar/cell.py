"""What did this magic line ask for?

`%%claude [NAME <<] [MODEL] [options]` and `%claude QUESTION` become an `Ask`, `%claude COMMAND …` becomes a
`CommandCall`, `%%claude map FRAME …` an `OverRows`. Nothing but InputError is raised, whatever was typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError, nearest
from claude_magic.grammar import flags, verbs
from claude_magic.grammar.flagvalues import KINDS
from claude_magic.grammar.words import Word, next_word, short, split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from claude_magic.grammar.flags import Command, Flag

_NONE: Mapping[str, str] = MappingProxyType({})
MODEL_ID = re.compile(r"(?:[\w.-]+[./])?claude-[\w.:@-]+", re.IGNORECASE)
_FLAG_AHEAD, _SURELY_FLAG = re.compile(r"\s*[-–—]"), re.compile(r"\s*-(?:-|[^\W\d])")
_FRAME_AHEAD = re.compile(r"[^\W\d]\w*\s+-")
SWITCHED = ("yes", "no", "on", "off", "true", "false")
LISTED = ("labels", "models", "tool")  # kinds of flags whose commas may be followed by a space
_OUT = re.compile(r"\s*([^\s<\"']+)\s*<<(?!<)")


@dataclass(slots=True)
class Ask:
    """What a cell or a line asks of a model; None where it says nothing.

    `prompt` is the text as written, `inp` the variable that follows it, `max_cost` is in USD. `tools` and
    `returns` are names, for the notebook to say what they mean.
    """

    prompt: str
    model: str | None = None
    out: str | None = None
    inp: str | None = None
    system: str | None = None
    format: str | None = None
    thread: str | None = None
    new: bool = False
    no_history: bool = False
    max_tokens: int | None = None
    effort: str | None = None
    think: bool | None = None
    raw: bool = False
    attach: list[str] = field(default_factory=list)
    citations: bool | None = None
    skills: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    max_steps: int | None = None
    approve: bool | None = None
    returns: str | None = None
    choices: list[str] = field(default_factory=list)
    compare: list[str] = field(default_factory=list)
    history_tokens: int | None = None
    compact: bool | None = None
    cache: str | None = None
    replay: str | None = None
    show_request: bool = False
    dry_run: bool = False
    max_cost: Decimal | None = None
    params: dict[str, Any] = field(default_factory=dict)
    quiet: bool = False
    stream: bool = True


class CommandCall(NamedTuple):
    """A reserved first word with its arguments, as words and as written, without flags.

    One that takes flags has them in `ask`, whose prompt is `rest`, and in `own` those that are its alone.
    """

    name: str
    args: list[str]
    rest: str
    ask: Ask | None = None
    own: Mapping[str, Any] = _NONE


class OverRows(NamedTuple):
    """What a cell asks of each row: a word of `flags.IN_CELLS`, how the frame is named, and the flags."""

    verb: str
    frame: str
    ask: Ask
    own: Mapping[str, Any]


def parse_cell(line: str, body: str, aliases: Mapping[str, str] = _NONE) -> Ask | OverRows:
    """Read the first line of a `%%claude` cell, with the reader's own `aliases` (name to model).

    Raises InputError, which names the nearest flag or model.
    """
    values: dict[str, Any] = {}
    at = 0
    if target := _OUT.match(line):
        _put(values, flags.BY_WORD["--out"], target[1])
        at = target.end()
    first = next_word(line, at)
    if first and first.text in flags.BY_CELL:
        return _over_rows(flags.BY_CELL[first.text], line, first.end, body, values, aliases)
    while word := next_word(line, at):
        if _FLAG_AHEAD.match(line, at):
            at = _take_flag(values, line, word)
        elif _is_model(word.text, aliases):
            _put(values, flags.BY_WORD["--model"], word.text)
            at = word.end
        else:
            raise _stray(word.text, line, blank=not body.strip(), aliases=aliases)
    return _ask(body.strip("\r\n").rstrip(), values, aliases, hint="Write it in the lines below %%claude.")


def _over_rows(
    command: Command, line: str, at: int, body: str, values: dict[str, Any], aliases: Mapping[str, str]
) -> OverRows:
    """Read what follows the first word of a cell that goes over rows; raises InputError."""
    frame, known = "", command.flags
    while word := next_word(line, at):
        if _FLAG_AHEAD.match(line, at):
            at = _take_flag(values, line, word, known=known)
            continue
        if not frame and re.fullmatch(r"\{?[^\W\d][\w.\[\]\"'-]*\}?", word.text):
            frame = word.text.strip("{}")
        elif _is_model(word.text, aliases):
            _put(values, flags.BY_WORD["--model"], word.text)
        else:
            raise InputError(
                f"{short(word.text)!r} is neither a frame, a model nor an option",
                hint=f"Type %%claude {command.usage}, and the prompt for a row in the lines below.",
            )
        at = word.end
    if not frame:
        raise InputError(f"{command.name} needs a frame", hint=f"Type %%claude {command.example}")
    own = {flag.field: values.pop(flag.field) for flag in flags.OF_ROWS if flag.field in values}
    hint = "Write the prompt for a row in the lines below, with its columns in braces: {text}"
    ask = _ask(body.strip("\r\n").rstrip(), values, aliases, hint=hint)
    return OverRows(command.name, frame, ask, own)


def parse_line(line: str, aliases: Mapping[str, str] = _NONE) -> Ask | CommandCall:
    """Read what follows `%claude`: flags, then a question taken literally, or a command.

    Raises InputError, also for a question that begins with a command's name.
    """
    values: dict[str, Any] = {}
    at, literal, line = 0, False, line.strip()
    or_ask = f" To ask that as it is: %claude -- {short(line)}"
    while not literal and _SURELY_FLAG.match(line, at) and (word := next_word(line, at)):
        literal = word.text == "--"
        at = word.end if literal else _take_flag(values, line, word, or_ask)
    question = line[at:].strip()
    if not values and not literal and (call := _command(question, aliases)):
        return call
    return _ask(
        question, values, aliases, hint="Write it after the options: %claude -m opus what is an index?"
    )


def _command(question: str, aliases: Mapping[str, str]) -> CommandCall | None:
    """Return the command a line is, or None for a question; raises InputError where it could be both."""
    name, _, rest = question.partition(" ")
    rest = rest.strip()
    if question.rstrip("?") in ("", *flags.BY_NAME) and question[-1:] in ("", "?"):
        return CommandCall("help", split(question.rstrip("?")), question.rstrip("?"))
    command = flags.BY_NAME.get(name)
    if (name in flags.BY_CELL and not command) or (
        command and name in flags.BY_CELL and _FRAME_AHEAD.match(rest)
    ):
        raise _in_a_cell(flags.BY_CELL[name], question)
    if not command:
        _refuse_slip(name, rest, aliases)
        return None
    if name in verbs.VERBS:
        if verbs.asks_help(split(rest)):
            return CommandCall("help", [name], name)
        _check_verb(name, rest)
        return CommandCall(name, split(rest), rest)
    call = _with_flags(command, rest, aliases) if command.takes else CommandCall(name, split(rest), rest)
    words = " ".join(call.rest.split())
    if re.fullmatch(command.shape, words) if words else command.bare:
        return call
    words = " ".join(rest.split())
    what = f" (WHAT: {', '.join(command.first)})" if "WHAT" in command.usage else ""
    raise InputError(
        f"{name!r} is a command, and {short(words)!r} does not fit it" if words else f"{name!r} needs more",
        hint=f"Type %claude -- {short(question)} to ask that, or %claude {command.usage}{what}",
    )


def _in_a_cell(command: Command, question: str) -> InputError:
    return InputError(
        f"{command.name!r} goes over the rows of a frame, and takes a cell",
        hint=f"Type %%claude {command.usage}, and the prompt for a row in the lines below; "
        f"to ask it: %claude -- {short(question)}",
    )


def _with_flags(command: Command, rest: str, aliases: Mapping[str, str]) -> CommandCall:
    """Return a command's call with the flags that stand anywhere after it; raises InputError."""
    values: dict[str, Any] = {}
    plain: list[str] = []
    known, at = command.flags, 0
    or_ask = f" To ask that as it is: %claude -- {short(f'{command.name} {rest}')}"
    while word := next_word(rest, at):
        if _SURELY_FLAG.match(rest, at):
            at = _take_flag(values, rest, word, or_ask, known)
        else:
            plain.append(word.text)
            at = word.end
    own = {flag.field: values.pop(flag.field) for flag in flags.OWN if flag.field in values}
    words = " ".join(plain)
    return CommandCall(command.name, plain, words, Ask(words, **_resolved(values, aliases)), own)


def _check_verb(name: str, rest: str) -> None:
    """Raise InputError for words that are no verb with what it needs, with both ways to go on."""
    try:
        verbs.read(name, split(rest))
    except InputError as error:
        error.hint += f"; to ask that as it is: %claude -- {short(f'{name} {rest}')}"
        raise


def _refuse_slip(name: str, rest: str, aliases: Mapping[str, str]) -> None:
    """Raise InputError for a word alone, or before a model, that is one slip of the keys from a command."""
    if rest and not _is_model(rest, aliases):
        return
    if near := next((n for n in flags.BY_NAME if _one_slip(name.lower(), n)), None):
        typed = f"{near} {rest}".strip()
        raise InputError(
            f"{name!r} is not a command",
            hint=f"Did you mean %claude {typed}? To ask it: %claude -- {name} {rest}".rstrip(),
        )


def _one_slip(typed: str, word: str) -> bool:
    """Return whether one letter is wrong, missing, too many or swapped with the next; never the first."""
    if len(typed) < 4 or typed[0] != word[0]:
        return False
    same = next(
        (n for n, (a, b) in enumerate(zip(typed, word, strict=False)) if a != b), min(len(typed), len(word))
    )
    a, b = typed[same:], word[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[1::-1] == b[:2] and a[2:] == b[2:])


def _ask(prompt: str, values: dict[str, Any], aliases: Mapping[str, str], *, hint: str) -> Ask:
    if not (prompt or values.get("inp") or values.get("attach")):
        raise InputError("There is no question", hint=hint)
    return Ask(prompt, **_resolved(values, aliases))


def _resolved(values: dict[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Return values with the ids of models in the place of aliases and short words."""
    from claude_magic.protocol import catalog

    model, several = values.get("model"), values.get("compare", ())
    more = {"compare": [catalog.resolve(aliases.get(m, m)) for m in several]} if several else {}
    return {**values, **more, **({"model": catalog.resolve(aliases.get(model, model))} if model else {})}


def _take_flag(
    values: dict[str, Any],
    line: str,
    word: Word,
    or_ask: str = "",
    known: Mapping[str, Flag] = flags.BY_WORD,
) -> int:
    """Read a flag and its value into `values`; return where the next word starts."""
    name, equals, value = word.text.partition("=")
    flag, at = known.get(name), word.end
    if not flag:
        raise _no_option(name, or_ask, known)
    if flag.alone and not equals:
        following = next_word(line, at)
        chosen = following if following and following.text in flag.choices else None
        if following and not chosen and re.fullmatch(r"\d+[a-z]{1,3}", following.text):
            raise _expects(flag, following.text)
        value, at = (chosen.text, chosen.end) if chosen else (flag.alone, at)
    elif not flag.metavar:
        if equals:
            raise InputError(f"{name} takes no value", hint=f"Type {name} alone.")
    elif not equals:
        following = next_word(line, at)
        if not following or (
            _FLAG_AHEAD.match(line, at) and following.text.partition("=")[0] in flags.BY_WORD
        ):
            raise _expects(flag, "")
        value, at = following.text, following.end
    while flag.kind in LISTED and value.endswith(",") and (following := next_word(line, at)):
        value, at = value + following.text, following.end
    _put(values, flag, value)
    return at


def _no_option(name: str, or_ask: str, known: Mapping[str, Flag]) -> InputError:
    if flags.find_flag(name):
        options = ", ".join(dict.fromkeys(f"--{flag.name}" for flag in known.values()))
        return InputError(f"{short(name)} cannot stand here", hint=f"There is {options}.{or_ask}")
    near = flags.nearest_flag(name, known.values())
    hint = f"Did you mean {near}?" if near else "Type %claude help to see the options."
    return InputError(f"There is no option {short(name)}", hint=hint + or_ask)


def _put(values: dict[str, Any], flag: Flag, text: str) -> None:
    convert, _ = KINDS[flag.kind]
    if flag.field in values and not flag.repeats:
        other = f"--no-{flag.field}" if flag.kind == "on" else f"--{flag.field}"
        against = flag.kind in ("on", "off") and values[flag.field] is not convert(text)
        what = f"--{flag.name} {f'contradicts {other}' if against else 'is given twice'}"
        raise InputError(what, hint="Keep one of them.")
    if flag.choices and text not in flag.choices:
        near = nearest(text, flag.choices)
        hint = f"Did you mean --{flag.name} {near}?" if near else ""
        raise _expects(flag, text, hint)
    try:
        value = convert(text)
    except ValueError:
        raise _expects(flag, text) from None
    if flag.kind == "pair":
        _nest(values.setdefault(flag.field, {}), *value, written=text)
    elif flag.repeats:
        values.setdefault(flag.field, []).append(value)
    else:
        values[flag.field] = value


def _expects(flag: Flag, text: str, hint: str = "") -> InputError:
    what = f"one of {', '.join(flag.choices)}" if flag.choices else KINDS[flag.kind][1]
    if flag.kind == "labels" and text.isidentifier():
        hint = f"For example {flag.example}; for the labels of a list or an Enum: --schema {text}"
    got = f", not {short(text)!r}" if text else ""
    return InputError(f"--{flag.name} expects {what}{got}", hint=hint or f"For example {flag.example}")


def _nest(param: dict[str, Any], path: list[str], value: Any, *, written: str) -> None:
    *above, last = path
    for name in above:
        param = param.setdefault(name, {})
        if not isinstance(param, dict):
            raise InputError(
                f"{name} has a value already, so {short(written)} does not fit", hint="Keep one."
            )
    if last in param:
        raise InputError(f"{'.'.join(path)} is given twice", hint="Keep one of them.")
    param[last] = value


def _is_model(word: str, aliases: Mapping[str, str]) -> bool:
    from claude_magic.protocol import catalog

    return word in aliases or bool(MODEL_ID.fullmatch(word)) or catalog.find(word) is not None


def _before(word: str, line: str) -> Flag | None:
    """Return the flag that a word follows."""
    found = re.search(rf"(?<!\S)(-\S+)\s+{re.escape(word)}(?!\S)", line)
    return flags.BY_WORD.get(found[1]) if found else None


def _stray(word: str, line: str, *, blank: bool, aliases: Mapping[str, str]) -> InputError:
    """Return the error for a word that is neither a flag, its value nor a model."""
    from claude_magic.protocol import catalog

    near = flags.nearest_flag(word) or nearest(word, aliases) or catalog.nearest(word)
    if "<<" in word:
        hint = "The name goes first: %%claude summary << haiku"
    elif word in flags.BY_CELL:
        hint = f"{word} goes first: %%claude {flags.BY_CELL[word].usage}"
    elif word in flags.BY_NAME:
        hint = f"Type %claude {flags.BY_NAME[word].usage} on a line of its own."
    elif named := re.search(rf"(?:-t|--thread)[\s=]+([\w.-]+)\s+{re.escape(word)}(?!\S)", line):
        hint = f"A conversation's name takes no spaces: -t {named[1]}-{word}"
    elif (flag := _before(word, line)) and flag.alone:
        return _expects(flag, word)
    elif flag and not flag.metavar and word.lower() in SWITCHED:
        hint = f"--{flag.name} takes no value: type it alone."
    elif set(word) & set("“”‘’„"):
        hint = "Type straight quotes around a text: \"…\" or '…'."
    elif blank:
        hint = f"Write the question in the lines below, or on one line: %claude {short(line.strip())}"
    elif near:
        hint = f"Did you mean {near}?"
    else:
        hint = "Put quotes around a text of several words; see %claude help."
    return InputError(f"{short(word)!r} is neither a model nor an option", hint=hint)

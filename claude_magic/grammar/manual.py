"""What does the help of %claude say?

All of it is made from the tables in `flags.py` and `verbs.py`.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from claude_magic.errors import InputError, nearest
from claude_magic.grammar import flags, verbs
from claude_magic.grammar.flags import (
    BY_CELL,
    BY_NAME,
    COMMANDS,
    FLAGS,
    IN_CELLS,
    OF_ROWS,
    OWN,
    Command,
    Flag,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 80  # characters of a line: JupyterLab breaks longer ones, within words

USAGE = """\
%%claude [NAME <<] [MODEL] [options]   the lines below are the prompt
%claude QUESTION                       the rest of the line is the prompt
x = %claude QUESTION                   x is the answer
%claude COMMAND …                      a reserved first word, see Commands
%claude -- reset the counter           asks literally, whatever the first word"""

EXAMPLES = """\
%claude what is an index?
x = %claude -m opus why is the sky blue?

%%claude summary << haiku -n 500
Summarise {df} in three bullets.

%%claude opus --effort high --attach paper.pdf
Which of the paper's claims does {fig} contradict?

%%claude map reviews -o rated --choices good,bad
Is this review good or bad? {text}"""

VALUES = """\
{df}  {df.shape}  {rows[0]}  {d["k"]}  {Out[3]}   the value of a variable
{df:head 20}  {df:tail}  {df:schema}  {df:csv}    a part of a frame
{x:.2f}                                           a number, formatted
{{df}}                                            the braces themselves
JSON braces such as {"a": 1} need no doubling; --raw leaves all braces alone"""

ENDING = """\
The last answer is _claude, a text with .code, .json(), .df(), .usage, .cost.
More about one of them: %claude help --max-tokens, %claude help files"""


def help_text(topic: str | None = None) -> str:
    """Return the help for everything, or for one flag or command.

    Raises InputError that names the nearest topic.
    """
    word = (topic or "").strip()
    if not word:
        return _everything()
    flag = flags.find_flag(word)
    about = [_about_cell(BY_CELL[word])] if word in BY_CELL else []
    about += [_about_command(BY_NAME[word])] if word in BY_NAME else []
    about += [_about_flag(flag)] if flag else []
    if about:
        return "\n\n".join(about)
    near = nearest(word, [*BY_NAME, *BY_CELL]) if not word.startswith("-") else None
    near = near or flags.nearest_flag(word)
    also = f"%claude help {near}" if near else "%claude help to see them all"
    raise InputError(
        f"There is no flag or command {word!r}", hint=f"Type {also}; %claude -- help {word} asks Claude."
    )


def flag_table_markdown() -> str:
    """Return the flags as a Markdown table, for the documentation."""
    rows = ["| flag | value | what it does |", "|---|---|---|"]
    for flag in FLAGS:
        value = ", ".join(f"`{c}`" for c in flag.choices) or (f"`{flag.metavar}`" if flag.metavar else "")
        rows.append(f"| {', '.join(f'`{w}`' for w in flag.words)} | {value} | {flag.help} |")
    return "\n".join(rows)


def _everything() -> str:
    groups = [f"{group}\n{_columns(_flag_rows(group))}" for group in flags.GROUPS]
    commands = f"Commands\n{_columns((f'%claude {c.usage}', c.help) for c in COMMANDS)}"
    first = ("Ask Claude from a notebook.", _indent(USAGE), f"Examples\n{_indent(EXAMPLES)}")
    values = f"Values in the prompt\n{_indent(VALUES)}"
    cells = [(f"%%claude {c.usage}", c.help) for c in IN_CELLS]
    rows = f"A prompt for each row of a frame\n{_columns([*cells, *_flag_rows('Rows', OF_ROWS)])}"
    return "\n\n".join((*first, *groups, values, rows, commands, ENDING))


def _flag_rows(group: str, of: Iterable[Flag] = FLAGS) -> Iterable[tuple[str, str]]:
    for flag in of:
        if flag.group == group:
            short = f"-{flag.short}, " if flag.short else "    "
            yield f"{short}--{flag.name} {flag.metavar}".rstrip(), _what(flag)


def _what(flag: Flag) -> str:
    return f"{flag.help}: {', '.join(flag.choices)}" if flag.choices else flag.help


def _about_flag(flag: Flag) -> str:
    words = " ".join((", ".join(flag.words), flag.metavar)).rstrip()
    magic = "%claude" if flag in OWN else "%%claude"
    return f"{words}\n{_wrapped(_what(flag))}\n  Example: {magic} {flag.example}"


def _about_cell(command: Command) -> str:
    taken = ", ".join(f"--{name}" for name in command.takes)
    about = f"%%claude {command.usage}\n{_wrapped(command.help)}\n{_wrapped(f'Options: {taken}')}"
    return f"{about}\n  Example: %%claude {command.example}"


def _about_command(command: Command) -> str:
    about = f"%claude {command.usage}\n{_wrapped(command.help)}"
    if command.name in verbs.VERBS:
        return f"{about}\n\n{_columns(verbs.rows(command.name), 34)}"
    if command.takes:
        taken = ", ".join(f"--{name}" for name in command.takes)
        about += f"\n{_wrapped(f'Options: {taken}')}"
    return f"{about}\n  Example: %claude {command.example}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def _columns(rows: Iterable[tuple[str, str]], width: int = 28) -> str:
    """Lay out two columns, the right one wrapped; a long left part gets a line of its own."""
    lines: list[str] = []
    for left, right in rows:
        if len(left) > width:
            lines.append(f"  {left}")
            left = ""
        first, *more = textwrap.wrap(right, WIDTH - width - 4, break_on_hyphens=False)
        lines += [f"  {left:{width}}  {first}", *(" " * (width + 4) + line for line in more)]
    return "\n".join(lines)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())

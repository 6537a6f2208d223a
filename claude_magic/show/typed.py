"""How is an answer shown that is of a type?

A list of objects is a table; an object is shown as Python or JSON writes it; a label is its text. It is the
model's text in every case, so that only its plain look is used, never one that a class brings along (O1).
"""

from __future__ import annotations

from pprint import pformat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from claude_magic.talk.answer import Answer

WIDTH = 96  # characters of a line


class Look(NamedTuple):
    """A text, the format it is in (see `markup.answer_html`), and the frame that is shown in its place."""

    text: str
    format: str
    frame: Any = None


def look(answer: Answer, format: str = "markdown") -> Look:
    """Return how an answer is shown, in a format of `--format`."""
    read = answer.read
    if format == "df" or (format == "markdown" and read is not None and read.is_table):
        return Look(str(answer), format, answer.df())
    if read is None or format != "markdown":
        return Look(str(answer), format)
    if isinstance(read.json, str):
        return Look(str(answer), "text")
    if isinstance(read.value, dict | list):
        return Look(str(answer), "json")
    return Look(pformat(read.value, width=WIDTH, sort_dicts=False), "code")

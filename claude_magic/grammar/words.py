"""Where does one word of a magic's line end, and the next begin?

A shell's rules, but an apostrophe inside a word is an apostrophe, JSON keeps its quotes, and a Windows path
its backslashes.
"""

from __future__ import annotations

from typing import NamedTuple

from claude_magic.errors import InputError


class Word(NamedTuple):
    """A word without its quotes, and the position after it."""

    text: str
    end: int


def next_word(line: str, at: int) -> Word | None:
    """Return the word at or after a position, or None at the end; raises InputError for an unclosed quote.

    Quotes count at the start of a word and after `=`; there, JSON in brackets is taken whole. A backslash
    escapes a space or a quote, and is a backslash otherwise.
    """
    while at < len(line) and line[at].isspace():
        at += 1
    start, text = at, ""
    while at < len(line) and not line[at].isspace():
        opens = at == start or line[at - 1] == "="
        if opens and line[at] in "\"'":
            piece, at = _quoted(line, at)
        elif opens and line[at] in "[{" and (end := _json_end(line, at)):
            piece, at = line[at:end], end
        elif line[at] == "\\" and line[at + 1 : at + 2] in (" ", '"', "'"):
            piece, at = line[at + 1], at + 2
        else:
            piece, at = line[at], at + 1
        text += piece
    return Word(text, at) if at > start else None


def split(text: str) -> list[str]:
    """Return the words of a text; where a quote is not closed, what stands between its spaces."""
    found, at = [], 0
    try:
        while word := next_word(text, at):
            found.append(word.text)
            at = word.end
    except InputError:
        return text.split()
    return found


def short(text: str, most: int = 60) -> str:
    """Return a text for a message: not too long."""
    return text if len(text) <= most else text[:most] + "…"


def _quoted(line: str, start: int) -> tuple[str, int]:
    quote, text, at = line[start], "", start + 1
    while at < len(line) and line[at] != quote:
        at += line[at] == "\\" and line[at + 1 : at + 2] == quote
        text += line[at]
        at += 1
    if at >= len(line):
        raise InputError(
            f"The quote in {short(line[start:])} is not closed", hint=f"Type {quote} where the text ends."
        )
    return text, at + 1


def _json_end(line: str, at: int) -> int | None:
    import json

    try:
        return json.JSONDecoder().raw_decode(line, at)[1]
    except (ValueError, RecursionError):
        return None

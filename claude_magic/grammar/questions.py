"""Which lines must be read before IPython reads them?

IPython takes a line that ends in `?` for a request for help, so `%claude what is an index?` would never reach
us, and it refuses a cell magic whose cell ends after its first line.
"""

from __future__ import annotations

import re

_CELL = re.compile(r"%%claude(?:[ \t].*)?", re.DOTALL)
_QUESTION = re.compile(r"(\s*(?:[^\W\d][\w.\[\]\"', ]*=\s*)?)%claude[ \t]+(?!\?+\s*$)(.*)", re.DOTALL)
_MAGIC = re.compile(r"\s*(?:[%!?]|[^\W\d][\w.\[\]\"', ]*=\s*[%!])")
_PIECE = re.compile(r"\"\"\"|'''|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|#.*|[()\[\]{}]")
_CLOSING = {quote: re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL) for quote in ('"""', "'''")}


def rewrite(lines: list[str]) -> list[str]:
    """Return a cell's lines so that IPython hands us questions ending in `?` and cells with no body.

    For `input_transformers_cleanup`. Help (`%claude?`, `?%claude`), lines in strings and brackets, and the
    bodies of other cell magics stay as they are. Rewriting twice changes nothing.
    """
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[first].lstrip().startswith("%%"):
        alone = first == len(lines) - 1 and _CELL.fullmatch(lines[first].strip())
        return [*lines[:-1], lines[-1].rstrip("\r\n") + "\n", "\n"] if alone else lines
    if not any("%claude" in line for line in lines):
        return lines
    return _statements(lines)


rewrite.has_side_effects = True  # type: ignore[attr-defined] # left out when IPython asks "is this complete?"


def _statements(lines: list[str]) -> list[str]:
    made: list[str] = []
    quote, depth, at = "", 0, 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and lines[end - 1].rstrip("\r\n").endswith("\\"):
            end += 1
        statement = lines[at:end]
        if quote or depth or not _MAGIC.match(lines[at]):
            for line in statement:
                quote, depth = _after(line, quote, depth)
            made += statement
        else:
            made += _asked(statement)
        at = end
    return made


def _asked(statement: list[str]) -> list[str]:
    """Return a magic's line as a call, if it is a question of ours; its continued lines are joined."""
    parts = [line.rstrip("\r\n") for line in statement]
    whole = " ".join([part[:-1] for part in parts[:-1]] + parts[-1:])
    found = _QUESTION.fullmatch(whole)
    if not found or not found[2].rstrip().endswith("?"):
        return statement
    return [f"{found[1]}get_ipython().run_line_magic('claude', {found[2].strip()!r})\n"]


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return the triple quote that is open after a line of Python (or "") and how many brackets are."""
    at = 0
    while True:
        if quote:
            closed = _CLOSING[quote].match(line, at)
            if not closed:
                return quote, depth
            at, quote = closed.end(), ""
        piece = _PIECE.search(line, at)
        if not piece:
            return "", depth
        at = piece.end()
        if piece[0] in _CLOSING:
            quote = piece[0]
        elif piece[0] in "([{":
            depth += 1
        elif piece[0] in ")]}":
            depth = max(0, depth - 1)

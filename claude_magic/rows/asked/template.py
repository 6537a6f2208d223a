"""How does a template with {columns} become the prompt of a row?

`{column}` is a row's value, `{column:.2f}` is formatted, `{column["key"]}` and `{column.attr[0]}` are parts
of it; `{{` and `}}` are braces. Nothing is called, and a value's own braces are never read again. Braces that
hold nothing like a column, as in JSON, stay; what might be meant as a column and is none is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError, nearest
from claude_magic.prompts import media, private, references, values
from claude_magic.rows.asked import inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from claude_magic.rows.asked.inputs import Rows

Piece = str | dict[str, Any]
"""Of a prompt: text, or a content block, such as a picture."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}")
_REST = re.compile(r"((?:\.[^\W\d]\w*|\[[^\[\]]*\])*)(?::([^{}\n]{1,40}))?")
_AS_STR = frozenset((str, int, float, bool))
LITERAL = "Double the braces of what is no column: {{…}}."
OWN_COLUMN = "Make a column of it first, and name that. " + LITERAL


class Unfit(Exception):  # noqa: N818 # a reason, not a failure
    """Why a row cannot be asked: the type of the error, and the error in words."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(kind, why)
        self.kind, self.why = kind, why


class Field(NamedTuple):
    """A column in a template: what is taken of its values, and how it is formatted."""

    column: str
    steps: str = ""
    spec: str = ""

    def __str__(self) -> str:
        return f"{{{self.column}{self.steps}{f':{self.spec}' if self.spec else ''}}}"

    def of(self, value: Any, na: str | None) -> Piece:
        """Return a value as it stands in a prompt; `na` stands for a missing one. Raises Unfit."""
        found = self.part(value)
        if found is None:
            if na is None:
                raise Unfit("missing_value", f"{self.column} is missing")
            return na
        if type(found) in _AS_STR and not self.spec:
            return str(found)
        return self._shown(found)

    def part(self, value: Any) -> Any:
        """Return what is taken of a value; raises Unfit where that is not in it."""
        if not self.steps or value is None:
            return value
        try:
            return references.find(f"value{self.steps}", {"value": value})[0]
        except references.NotSent as reason:
            raise Unfit("missing_part", f"{self}: {reason}") from None

    def _shown(self, value: Any) -> Piece:
        try:
            made = values.show(value, self.column, self.spec)
        except InputError as error:
            raise Unfit("unreadable_value", error.message) from None
        if made is None:
            raise Unfit("unreadable_value", f"{self.spec!r} does not suit {value!r:.40} in {self.column}")
        return made.text if made.block is None else unwaiting(made.block)


class Template:
    """A template over rows, whose columns are read once; raises InputError for what is no column."""

    def __init__(self, text: str, rows: Rows, na: str | None = None) -> None:
        self.na = na
        pieces = list(_parsed(text, rows.names, rows.levels))
        self.columns = list(dict.fromkeys(piece.column for piece in pieces if isinstance(piece, Field)))
        for name in self.columns:
            check_name(name, rows.column(name))
        self._pieces = [
            (piece, rows.column(piece.column) if isinstance(piece, Field) else ()) for piece in pieces
        ]

    def pieces(self, n: int) -> list[Piece]:
        """Return the prompt of a row in pieces; raises Unfit where a value is missing or unusable."""
        made: list[Piece] = []
        for piece, column in self._pieces:
            if isinstance(piece, str):
                made.append(piece)
                continue
            value = column[n]
            plain = type(value) is str and not piece.spec and not piece.steps
            made.append(value if plain else piece.of(value, self.na))
        return made


def unwaiting(block: dict[str, Any]) -> dict[str, Any]:
    """Return a block with the content of a file that it would wait for: rows upload nothing."""
    file = media.waiting(block)
    return media.inline(file, str(block.get("title"))) if file else block


def check_name(name: str, column: list[Any]) -> None:
    """Raise InputError for a column that is named like a secret and holds anything but numbers."""
    if private.secret_name(name) and any(private.is_secret(name, value) for value in column):
        raise private.refusal(f"{{{name}}}", "is named like a secret", "Rename the column, if it holds none.")


def field(written: str, names: list[str], levels: Sequence[str] = ()) -> Field | None:
    """Return the column that stands between braces, None for what is nothing like one; raises InputError.

    `levels` are the names of the index.
    """
    if written in names:
        return Field(written)
    for name in sorted((name for name in names if name and written.startswith(name)), key=len, reverse=True):
        if (rest := _REST.fullmatch(written, len(name))) and not (rest[2] or "").startswith(" "):
            return _checked(Field(name, rest[1], rest[2] or ""))
    braced = f"{{{written}}}"
    if one := references.ONE.fullmatch(braced):
        name = re.split(r"[.\[:]", one[1])[0]
        error = inputs.missing(name, names, braced, levels=levels)
        error.hint += f" {LITERAL}"
        raise error
    if written.strip() in names:
        raise InputError(f"{braced} is no column", hint=f"Write {{{written.strip()}}}, without spaces.")
    if (near := nearest(written, names)) and " " in near:
        raise InputError(f"{braced}: there is no such column", hint=f"Did you mean {{{near}}}? {LITERAL}")
    return None


def _checked(found: Field) -> Field:
    if found.steps and not references.ONE.fullmatch(f"{{value{found.steps}}}"):
        raise InputError(f"{found}: nothing is evaluated or called", hint=OWN_COLUMN)
    return found


def _parsed(text: str, names: list[str], levels: Sequence[str]) -> Iterator[str | Field]:
    """Yield a template's texts and columns in turn."""
    at, depth, literal = 0, 0, ""
    for found in _BRACES.finditer(text):
        literal += _plain(text[at : found.start()], names)
        at = found.end()
        if found[0] == "{{":
            literal, depth = literal + "{", depth + 1
        elif found[0] == "}}":
            literal, depth = literal + ("}" if depth else "}}"), max(0, depth - 1)
        elif column := field(found[1], names, levels):
            yield literal
            yield column
            literal = ""
        else:
            literal += _plain(found[0], names)
    yield literal + _plain(text[at:], names)


def _plain(text: str, names: list[str]) -> str:
    """Return a text that has no column in it; raises InputError where it seems to name one."""
    for written in references.almost(text, dict.fromkeys(names)):
        if not written.endswith("}"):
            raise InputError(f"{written} has no closing brace", hint=f"Write {written.strip()}}}.")
        raise InputError(f"{written} is no column; nothing is evaluated or called", hint=OWN_COLUMN)
    return text

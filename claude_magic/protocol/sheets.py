"""How does a notebook show one of the API's objects, or a list of them?

A list is a table of its short fields, an object a list of two columns. Everything is escaped.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from claude_magic.errors import printable

MOST_ROWS, MOST_LINES = 50, 20  # items of a list that are shown as HTML, and as text
MOST_COLUMNS, MOST_FIELDS = 10, 40
LONG, NARROW, WIDE = 80, 30, 120  # characters of a cell of HTML and of text, and of a line
MOST_JSON = 20_000  # characters
PAGING = frozenset({"data", "has_more", "first_id", "last_id", "next_page", "prev_page"})
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
# mathjax_ignore: two dollar signs are not a formula
BOX = '<div class="mathjax_ignore tex2jax_ignore" style="overflow:auto">'
QUIET = "color:var(--jp-ui-font-color2,#767676);font-size:smaller"


class Cell(NamedTuple):
    """A field's value as a short text; `mark` goes to the field's name."""

    text: str
    number: bool = False
    mark: str = ""


def view(fields: Mapping[str, Any], *, more: bool = False) -> str:
    """Return an object as HTML, one with a list of objects as a table; `more` says that pages follow."""
    items = fields.get("data")
    if isinstance(items, list) and all(isinstance(item, Mapping) for item in items):
        return f"{BOX}{_table(items)}{_quiet(_note(fields, items, MOST_ROWS, more))}</div>"
    shown = dict(islice(_cells(fields), MOST_FIELDS))
    rows = "".join(
        f"<tr>{_head(name + cell.mark)}{_data(cell, right=False)}</tr>" for name, cell in shown.items()
    )
    return f"{BOX}{f'<table>{rows}</table>' if rows else ''}{'' if _fits(fields) else _json(fields)}</div>"


def message(said: str, fields: Mapping[str, Any]) -> str:
    """Return a message as HTML: its text, and its fields folded."""
    words = f'<pre style="white-space:pre-wrap">{html.escape(printable(said))}</pre>'
    facts = " · ".join(str(fields[name]) for name in ("model", "stop_reason") if fields.get(name))
    return f"{BOX}{words}{_fold(facts or 'message', view(fields))}</div>"


def text(fields: Mapping[str, Any], *, more: bool = False) -> str:
    """Return a list of objects as text, a line for each."""
    items = fields.get("data") or []
    note = _note(fields, items, MOST_LINES, more)
    rows = [dict(_cells(item)) for item in items[:MOST_LINES] if isinstance(item, Mapping)]
    columns = [_column(name + mark, name, rows) for name, mark in _names(rows).items()]
    while len(columns) > 1 and sum(len(column[0]) + 2 for column in columns) > WIDE:
        columns.pop()
    return "\n".join([*("  ".join(line).rstrip() for line in zip(*columns, strict=True)), note])


def _column(head: str, name: str, rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    """Return a column's lines, all of one width."""
    cells = [row.get(name, Cell("")) for row in rows]
    texts = [_cut(" ".join(said.split()), NARROW + 10) for said in (head, *(cell.text for cell in cells))]
    width = max(map(len, texts))
    right = [any(cell.number for cell in cells), *(cell.number for cell in cells)]
    return [said.rjust(width) if to else said.ljust(width) for said, to in zip(texts, right, strict=True)]


def _table(items: Sequence[Mapping[str, Any]]) -> str:
    rows = [dict(_cells(item)) for item in items[:MOST_ROWS]]
    names = _names(rows)
    head = "".join(
        _head(name + mark, right=any(name in row and row[name].number for row in rows))
        for name, mark in names.items()
    )
    body = [
        "".join(_data(cell := row.get(name, Cell("")), right=cell.number) for name in names) for row in rows
    ]
    lines = "".join(f"<tr>{line}</tr>" for line in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>" if names else ""


def _names(rows: Sequence[Mapping[str, Cell]]) -> dict[str, str]:
    """Return the columns and their marks: the objects' own fields first, then those within others."""
    found: dict[str, str] = {}
    for row in rows:
        for name, cell in row.items():
            found[name] = found.get(name) or cell.mark
    if "id" in found:
        found.pop("type", None)  # the same in all of them
    return {name: found[name] for name in sorted(found, key=lambda name: "." in name)[:MOST_COLUMNS]}


def _note(fields: Mapping[str, Any], items: Sequence[Any], most: int, more: bool) -> str:
    """Return what is to be said under a list."""
    rest = _cells({name: value for name, value in fields.items() if name not in PAGING})
    count = f"{len(items):,} item{'' if len(items) == 1 else 's'}"
    parts = [
        f"{count} on this page, and more pages follow: iterate, or .to_frame()" if more else count,
        *([f"the first {most} are shown"] if len(items) > most else ()),
        *(f"{name}{cell.mark} {cell.text}" for name, cell in islice(rest, 4)),
    ]
    return " · ".join(parts)


def _cells(fields: Mapping[str, Any], stem: str = "") -> Iterator[tuple[str, Cell]]:
    """Yield what is short of an object, and of the objects within it, by name."""
    for field, value in fields.items():
        name = printable(stem + str(field))
        if isinstance(value, Mapping):
            if not stem:
                yield from _cells(value, f"{field}.")
        elif isinstance(value, list):
            if value:
                yield name, Cell(_several(value))
        elif isinstance(value, str) and MOMENT.fullmatch(value) and (short := _moment(value)):
            yield name, Cell(short, mark=" (UTC)")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, Cell(f"{value:,}", number=True)
        elif value is not None:
            yield name, Cell(_cut(printable(str(value)), LONG))


def _several(values: Sequence[Any]) -> str:
    if any(isinstance(value, list | Mapping) for value in values):
        return f"{len(values):,} item{'' if len(values) == 1 else 's'}"
    return _cut(printable(", ".join(map(str, values[:LONG]))), LONG)


def _moment(value: str) -> str:
    try:
        return f"{datetime.fromisoformat(value.upper()).astimezone(UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):  # no such day
        return ""


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1] + "…"


def _fits(fields: Mapping[str, Any], depth: int = 2) -> bool:
    """Say whether a list of two columns shows all of an object."""
    return len(fields.keys()) <= MOST_FIELDS and all(
        (depth > 1 and _fits(value, depth - 1))
        if isinstance(value, Mapping)
        else not value
        if isinstance(value, list)
        else len(str(value)) <= LONG
        for value in fields.values()
    )


def _json(fields: Mapping[str, Any]) -> str:
    said = _cut(json.dumps(fields, indent=2, ensure_ascii=False, default=str), MOST_JSON)
    return _fold("All of it", f"<pre>{html.escape(printable(said))}</pre>")


def _fold(summary: str, inside: str) -> str:
    words = html.escape(printable(summary))
    return f'<details><summary style="{QUIET};cursor:pointer">{words}</summary>{inside}</details>'


def _head(name: str, *, right: bool = False) -> str:
    align = "right" if right else "left"
    return f'<th style="text-align:{align};white-space:nowrap;padding:2px 8px">{html.escape(name)}</th>'


def _data(cell: Cell, *, right: bool) -> str:
    wrap = "min-width:16em" if len(cell.text) > NARROW and " " in cell.text else "white-space:nowrap"
    style = f"text-align:{'right' if right else 'left'};{wrap};padding:2px 8px"
    return f'<td style="{style}">{html.escape(cell.text)}</td>'


def _quiet(said: str) -> str:
    return f'<div style="{QUIET}">{html.escape(said)}</div>'

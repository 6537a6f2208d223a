"""How does a DataFrame become a text that a model can read?

Its size, its columns with dtype, missing values and a summary, and its first rows as CSV. Nothing is left out
without a note that says so. `grids.py` knows the libraries that make frames.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from claude_magic.prompts.private import secret_name

MOST = 4_000  # characters of a frame in a prompt, unless more is asked for
MOST_ASKED = 400_000  # characters of {df:csv} and {df:head 5000}
MOST_COLUMNS = 40  # in a prompt, unless more is asked for
MOST_IN_A_CELL = 200
SAMPLE = 10  # rows of it
SPECS = ("head", "tail", "csv", "schema")
_ROWS = re.compile(r"(head|tail)(?: (\d{1,9}))?")


class Grid(Protocol):
    """A frame as it is needed here."""

    @property
    def rows(self) -> int | None:
        """How many rows it has; None where counting them would compute all of them."""

    @property
    def names(self) -> list[str]:
        """The columns' names."""

    def plain(self, n: int) -> bool:
        """Return whether a column holds only numbers or truth values, among which no secret is."""

    def keep(self, columns: list[int]) -> Grid:
        """Return the frame with these columns only."""

    def part(self, start: int, stop: int | None) -> Grid:
        """Return some of its rows; a negative start counts from the end."""

    def about(self) -> list[tuple[str, str]]:
        """Return what each column is, by name; "the index" too where it means something."""

    def csv(self, most_in_a_cell: int) -> str:
        """Return all of it as CSV."""


class FrameText(NamedTuple):
    """A frame as text; `partly` has, in a few words each, what of the part asked for is not in it.

    Of a summary `sample` is how many rows are in it.
    """

    text: str
    partly: tuple[str, ...] = ()
    sample: int | None = None


def frame_text(grid: Grid, spec: str = "") -> FrameText | None:
    """Return a frame as text; `spec` is "", "head 20", "tail 5", "csv" or "schema", else it is None."""
    asked = _ROWS.fullmatch(spec)
    known = asked or spec in ("", "csv", "schema")
    if not known or (grid.rows is None and spec[:4] in ("tail", "csv")):
        return None
    kept, notes, partly = _columns_kept(grid, MOST_COLUMNS if spec in ("", "schema") else len(grid.names))
    columns = f"{len(grid.names):,} columns"
    size = f"{columns}; a query, so that its rows are not counted" if grid.rows is None else ""
    size = size or f"{grid.rows:,} rows × {columns}"
    if not spec:
        text, sample = _fitted(kept, size, notes)
        return FrameText(text, partly, sample)
    if spec == "schema":
        return FrameText("\n".join([size, *notes, *_schema(kept)]), partly)
    if asked:
        rows = int(asked[2] or 5)
        kept = (
            kept.part(0, rows) if asked[1] == "head" else kept.part(-rows, None) if rows else kept.part(0, 0)
        )
    text, sent = _csv(kept, MOST_ASKED, MOST_ASKED)
    if kept.rows is not None and sent < kept.rows:
        of = f" of the last {kept.rows:,}" if spec.startswith("tail") else ""
        partly = (f"first {sent:,}{of} rows sent", *partly)
    return FrameText("\n".join([text, *notes]), partly)


def shape(grid: Grid) -> str:
    """Return "150×5", or "?×5" where the rows are not counted."""
    return f"{'?' if grid.rows is None else f'{grid.rows:,}'}×{len(grid.names):,}"


def whole(grid: Grid) -> tuple[Grid, tuple[str, ...]]:
    """Return a frame without the columns that are named like a secret, and words on these."""
    kept, _, partly = _columns_kept(grid, len(grid.names))
    return kept, partly


def _columns_kept(grid: Grid, most: int) -> tuple[Grid, list[str], tuple[str, ...]]:
    """Return the frame without secrets and without the columns beyond the limit; notes and words on both."""
    names = grid.names
    hidden = [n for n, name in enumerate(names) if secret_name(name) and not grid.plain(n)]
    kept = [n for n in range(len(names)) if n not in hidden]
    notes = [f"[… column {names[n]} left out: named like a secret]" for n in hidden]
    partly = [f"{', '.join(names[n] for n in hidden)} held back as named like a secret"] if hidden else []
    if beyond := kept[most:]:
        notes.append(f"[… {len(beyond):,} columns left out, {names[beyond[0]]} to {names[beyond[-1]]}]")
        partly.append(f"{len(beyond):,} columns left out")
    return (grid.keep(kept[:most]) if notes else grid), notes, tuple(partly)


def _fitted(grid: Grid, size: str, notes: list[str]) -> tuple[str, int]:
    """Return a summary, and how many rows are in it."""
    rows, columns = min(SAMPLE, SAMPLE if grid.rows is None else grid.rows), _schema(grid)
    while True:
        part = grid.part(0, rows)
        which = "All rows" if part.rows == grid.rows else f"First {part.rows} rows"
        sample = [f"{which} as CSV:", _csv(part, MOST, MOST_IN_A_CELL)[0]] if rows else []
        text = "\n".join([size, *notes, *columns, *sample])
        if len(text) <= MOST or rows <= 1:
            return cut(text, MOST), rows
        rows //= 2


def _schema(grid: Grid) -> list[str]:
    return [f"- {name}: {about}" for name, about in grid.about()]


def _csv(grid: Grid, most: int, most_in_a_cell: int) -> tuple[str, int]:
    """Return rows as CSV, and how many there are; a note counts the rows left out."""
    rows = grid.rows or 0
    part = min(rows, 1 + most // (len(grid.names) + 1))  # a cell takes one character at least
    text = grid.part(0, part).csv(most_in_a_cell)
    if len(text) <= most and part == rows:
        return text, rows
    kept, shown = _whole_rows(text + "\n", most)
    return f"{kept}\n[… {rows - shown:,} of {rows:,} rows left out]", shown


def _whole_rows(text: str, most: int) -> tuple[str, int]:
    """Return the beginning of a CSV up to the end of a row, and its rows; a quoted cell has lines too."""
    at = end = quotes = 0
    rows = -1  # the header is none
    for line in text[: most + 1].split("\n")[:-1]:
        at, quotes = at + len(line) + 1, quotes + line.count('"')
        if quotes % 2 == 0:
            end, rows = at - 1, rows + 1
    return text[: end or most], max(rows, 0)


def cut(text: str, most: int) -> str:
    """Return a text no longer than `most` characters and a note that says how much is left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}[… {len(text) - most:,} characters left out]"

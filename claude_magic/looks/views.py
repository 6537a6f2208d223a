"""How does a cell show a frame for reading, while a name holds its exact values?

Such a frame is a DataFrame like any other, and what is made of it is a plain one: only its own picture has
short heads, thousands separators and no columns that say nothing.
"""

from __future__ import annotations

import html
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import printable
from claude_magic.grammar.words import short
from claude_magic.looks.parts import BOX_OF_TABLE, LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

MOST = 60  # rows shown; of more the first and the last half of them
LONG = 40  # characters of a text from which its column may be broken into lines
LONGEST = 200  # characters shown of a text
CELL = "padding:3px 5px"
RULE = "border-top:1px solid var(--jp-border-color1,#bbb);font-weight:bold"


class Column(NamedTuple):
    """A column as it is shown: its head, its texts, the text of its sum, and whether to the right."""

    head: str
    cells: list[str]
    total: str = ""
    right: bool = False


def shown(
    frame: pd.DataFrame, columns: Callable[[pd.DataFrame], Sequence[Column]], line: str = ""
) -> pd.DataFrame:
    """Return the same frame, which a cell shows as `columns` say; when its columns change, as pandas does.

    Below it stands a `line`.
    """
    made = _kind()(frame)
    made.attrs = dict(frame.attrs)
    view = (list(made.columns), columns, line)
    object.__setattr__(made, "_view", view)  # pandas would warn of a new column
    return made  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _kind() -> Any:
    import pandas as pd

    class DataFrame(pd.DataFrame):
        """A frame with a view."""

        @property
        def _constructor(self) -> Any:
            return pd.DataFrame

        def __reduce__(self) -> Any:
            return pd.DataFrame(self).__reduce__()

        def _columns(self) -> Sequence[Column] | None:
            names, columns, _ = self.__dict__.get("_view", ((), None, ""))
            return columns(self) if columns and names == list(self.columns) else None

        def _repr_html_(self) -> str | None:
            found = self._columns()
            return super()._repr_html_() if found is None else page(found, self._view[2])  # type: ignore[misc] # pandas' stubs lack it

        def __repr__(self) -> str:
            found = self._columns()
            if found is None:
                return super().__repr__()
            return "\n".join(filter(None, (text(found), self._view[2])))

    return DataFrame


def kept(count: int) -> tuple[range, range]:
    """Return which of so many rows are shown: the first ones and the last ones."""
    if count <= MOST:
        return range(count), range(0)
    return range(MOST // 2), range(count - MOST // 2, count)


def text(columns: Sequence[Column]) -> str:
    """Return columns as lines of plain text."""
    rows = [[column.head for column in columns], *_rows(columns)]
    most = LONG if len(columns) > 1 else LONGEST
    rows = [[short(printable(cell).replace("\n", " "), most) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            f"{cell:>{w}}" if c.right else f"{cell:<{w}}"
            for cell, w, c in zip(row, widths, columns, strict=True)
        )
        for row in rows
    )
    count = len(columns[0].cells) if columns else 0
    return "\n".join([*map(str.rstrip, lines), *([] if count else ["(none)"])])


def _rows(columns: Sequence[Column]) -> Iterator[list[str]]:
    """Yield the texts of the rows that are shown, one of dots for those that are not, and the sums."""
    first, last = kept(len(columns[0].cells) if columns else 0)
    yield from ([column.cells[n] for column in columns] for n in first)
    if last:
        yield ["…" for _ in columns]
        yield from ([column.cells[n] for column in columns] for n in last)
    if any(column.total for column in columns):
        yield [column.total for column in columns]


def page(columns: Sequence[Column], line: str = "") -> str:
    """Return columns as HTML and a line below, in which nothing of their texts is more than text."""
    styles = [_style(column) for column in columns]
    side = ["right" if column.right else "left" for column in columns]
    heads = "".join(
        f'<th scope="col" style="text-align:{where};{CELL}">{html.escape(printable(column.head))}</th>'
        for column, where in zip(columns, side, strict=True)
    )
    rows = list(_rows(columns))
    summed = any(column.total for column in columns)
    body = "".join(map(_row, rows[: len(rows) - summed], [styles] * len(rows)))
    foot = f"<tfoot>{_row(rows[-1], [f'{style};{RULE}' for style in styles])}</tfoot>" if summed else ""
    count = len(columns[0].cells) if columns else 0
    none = "" if count else f'<tr><td colspan="{len(columns)}" style="text-align:left">none</td></tr>'
    many = f"<div>{count:,} rows, {MOST} of them shown</div>" if count > MOST else ""
    below = f'<div style="{LINE}">{html.escape(printable(line))}</div>' if line else ""
    parts = f"<thead><tr>{heads}</tr></thead><tbody>{body}{none}</tbody>{foot}"
    return f'{BOX_OF_TABLE}<table class="dataframe" style="font-size:12px">{parts}</table>{many}{below}</div>'


def _row(cells: Sequence[str], styles: Sequence[str]) -> str:
    made = (
        f'<td style="{style}">{html.escape(printable(short(cell, LONGEST)))}</td>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"


def _style(column: Column) -> str:
    if column.right:
        return f"text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;{CELL}"
    broken = max(map(len, column.cells), default=0) > LONG
    return f"text-align:left;{'min-width:20em' if broken else 'white-space:nowrap'};{CELL}"


# ---- the texts of columns ----------------------------------------------------------------------------------


def column(head: str, values: pd.Series[Any]) -> Column:
    """Return a column whose texts are as its dtype asks: days and times short, numbers with separators."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return Column(head, moments(values))
    if pd.api.types.is_bool_dtype(values.dtype):
        return Column(head, _texts(values, lambda value: "yes" if value else "no"))
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Column(head, _texts(values, "{:,}".format), right=True)
    return Column(head, _texts(values, str))


def counts(head: str, values: pd.Series[Any], *, total: bool = False) -> Column:
    """Return a column of whole numbers, with their sum where all of them are known."""
    summed = f"{int(values.sum()):,}" if total and values.notna().all() else ""
    return column(head, values)._replace(total=summed)


def money(head: str, values: pd.Series[Any], *, total: bool = False) -> Column:
    """Return a column of amounts with as many decimals each as the smallest of them needs."""
    known = [*values.dropna()]
    places = decimals(known)
    summed = f"{sum(known):,.{places}f}" if total and known and len(known) == len(values) else ""
    return Column(head, _texts(values, lambda value: f"{value:,.{places}f}"), summed, right=True)


def decimals(amounts: Sequence[Any]) -> int:
    """Return how many decimals show two digits of the smallest amount, from two to eight."""
    smallest = min((abs(amount) for amount in amounts if amount), default=1)
    return next((places for places in range(2, 8) if smallest * 10 ** (places - 1) >= 1), 8)


def moments(values: pd.Series[Any]) -> list[str]:
    """Return times as days where all are midnights, else to the minute."""
    known = values.dropna()
    days = bool((known == known.dt.normalize()).all())
    return _texts(values, lambda value: f"{value:%Y-%m-%d}" if days else f"{value:%Y-%m-%d %H:%M}")


def says(values: pd.Series[Any]) -> bool:
    """Say whether a column has anything in it but nothing, zero and empty texts."""
    return bool((values.notna() & ~values.isin([0, ""])).any())


def _texts(values: pd.Series[Any], form: Callable[[Any], str]) -> list[str]:
    import pandas as pd

    return ["" if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else form(value)
            for value in values]  # fmt: skip

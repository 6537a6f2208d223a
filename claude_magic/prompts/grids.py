"""What is to be known of a frame, whichever library made it?

pandas frames are read by pandas, those of polars, pyarrow and duckdb through narwhals. None of these is
imported here: whoever holds a frame has it. https://narwhals-dev.github.io/narwhals/
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from claude_magic.prompts.private import without_addresses
from claude_magic.prompts.tables import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.prompts.tables import Grid

MOST_TO_COUNT = 1_000_000  # rows up to which distinct values are counted
FEW = 6  # distinct values that are named
MOST_IN_A_VALUE = 40  # characters of one of them
FOREIGN = ("polars", "pyarrow", "duckdb", "_duckdb")


def of(frame: Any) -> Grid:
    """Return a frame, or another library's column, as a Grid."""
    if type(frame).__module__.partition(".")[0] not in FOREIGN:
        return Pandas(frame)
    import narwhals.stable.v2 as nw

    found = nw.from_native(_table(frame), allow_series=True)
    if isinstance(found, nw.Series):
        found = found.to_frame()
    if isinstance(found, nw.DataFrame):
        return Narwhal(found)
    return (Duck if hasattr(frame, "fetchall") else Unrun)(found)


def _table(frame: Any) -> Any:
    """Return pyarrow's other kinds of data as its table, and columns of one name under names of their own."""
    import sys

    pa = sys.modules.get("pyarrow")
    if pa and isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if pa and isinstance(frame, pa.Array | pa.ChunkedArray):
        frame = pa.table({"": frame})
    if pa and isinstance(frame, pa.Table) and len(set(names := frame.column_names)) < len(names):
        before = [names[:n].count(name) for n, name in enumerate(names)]
        frame = frame.rename_columns([f"{a}.{n}" if n else a for a, n in zip(names, before, strict=True)])
    return frame


def _facts(kind: object, missing: int, summary: str) -> str:
    parts = (str(kind), f"{missing:,} missing" if missing else "", summary)
    return "; ".join(part for part in parts if part)


def _span(low: Any, mean: Any, high: Any) -> str:
    return f"min {low:.6g}, mean {mean:.6g}, max {high:.6g}"


def _named(number: int, few: Sequence[Any]) -> str:
    shown = ", ".join(cut(without_addresses(str(value)), MOST_IN_A_VALUE) for value in few)
    return f"{number:,} distinct" + (f": {shown}" if shown else "")


def _cell(value: Any, most: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    told = str(value)  # of a geometry it may be long, though it has no length
    text = without_addresses(told)
    return cut(text, most) if len(text) > most or text != told or hasattr(value, "__len__") else value


class Pandas:
    """A DataFrame of pandas, or of what builds on it, such as geopandas."""

    def __init__(self, df: Any) -> None:
        self.df, self.rows = df, len(df)

    @property
    def names(self) -> list[str]:  # noqa: D102 - the Protocol says it
        return [str(name) for name in self.df.columns]

    def plain(self, n: int) -> bool:  # noqa: D102
        return self.df.dtypes.iloc[n].kind in "biufc"

    def keep(self, columns: list[int]) -> Pandas:  # noqa: D102
        return Pandas(self.df.iloc[:, columns])

    def part(self, start: int, stop: int | None) -> Pandas:  # noqa: D102
        return Pandas(self.df.iloc[start:stop])

    def about(self) -> list[tuple[str, str]]:  # noqa: D102
        found = [(name, _about(self.df.iloc[:, n])) for n, name in enumerate(self.names)]
        if type(self.df.index).__name__ != "RangeIndex":
            found.insert(0, ("the index", _about(self.df.index.to_series())))
        return found

    def csv(self, most_in_a_cell: int) -> str:  # noqa: D102
        shown = self.df.map(lambda value: _cell(value, most_in_a_cell))
        return str(shown.to_csv(lineterminator="\n")).rstrip("\n")


def _about(column: Any) -> str:
    return _facts(column.dtype, int(column.isna().sum()), _summary(column))


def _summary(column: Any) -> str:
    """Return what is typical of a column, or "" where its dtype refuses: the summary is a courtesy."""
    try:
        return _range(column) if column.dtype.kind in "iufmM" else _distinct(column)
    except Exception:
        return ""


def _range(column: Any) -> str:
    if not column.notna().any():
        return ""
    if column.dtype.kind in "mM":
        return f"{column.min()} to {column.max()}"
    return _span(column.min(), column.mean(), column.max())


def _distinct(column: Any) -> str:
    if len(column) > MOST_TO_COUNT:
        return ""
    number = column.nunique()
    return _named(number, column.dropna().unique() if 0 < number <= FEW else ())


class Narwhal:
    """A frame in memory, of polars or pyarrow."""

    rows: int | None

    def __init__(self, frame: Any) -> None:
        self.frame, self.schema = frame, frame.collect_schema()
        self.rows = self._counted()

    @property
    def names(self) -> list[str]:  # noqa: D102
        return list(self.schema)

    def plain(self, n: int) -> bool:  # noqa: D102
        kind = list(self.schema.values())[n]
        return bool(kind.is_numeric()) or str(kind) == "Boolean"

    def keep(self, columns: list[int]) -> Grid:  # noqa: D102
        return type(self)(self.frame.select(*(self.names[n] for n in columns)))

    def part(self, start: int, stop: int | None) -> Grid:  # noqa: D102
        return Narwhal(self.frame[slice(start, stop)])

    def csv(self, most_in_a_cell: int) -> str:  # noqa: D102
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.names)
        writer.writerows([_cell(v, most_in_a_cell) for v in row] for row in self._values(self.frame))
        return out.getvalue().rstrip("\n")

    def about(self) -> list[tuple[str, str]]:  # noqa: D102
        return [(name, self._about(name, kind)) for name, kind in self.schema.items()]

    def _counted(self) -> int | None:
        return len(self.frame)

    def _values(self, frame: Any) -> list[tuple[Any, ...]]:
        return list(frame.rows())

    def _about(self, name: str, kind: Any) -> str:
        import narwhals.stable.v2 as nw

        missing = self._one(nw.col(name).null_count())
        try:
            return _facts(kind, missing, self._summary(name, kind))
        except Exception:  # the summary is a courtesy, and some dtypes refuse it
            return _facts(kind, missing, "")

    def _summary(self, name: str, kind: Any) -> str:
        import narwhals.stable.v2 as nw

        column = nw.col(name)
        if kind.is_numeric():
            nan = self._one(column.is_nan().sum()) if kind.is_float() else 0
            known = self.frame.filter(~column.is_nan()) if nan else self.frame
            found = self._values(known.select(low=column.min(), mean=column.mean(), high=column.max()))[0]
            span = "" if found[0] is None else _span(*found)
            return "; ".join(part for part in (f"{nan:,} NaN" if nan else "", span) if part)
        if kind.is_temporal():
            low, high = self._values(self.frame.select(low=column.min(), high=column.max()))[0]
            return "" if low is None else f"{low} to {high}"
        if (self.rows or 0) > MOST_TO_COUNT:
            return ""
        known = self.frame.select(name).drop_nulls().unique()
        number = int(self._values(known.select(nw.len()))[0][0])
        few = sorted(value for (value,) in self._values(known)) if 0 < number <= FEW else ()
        return _named(number, few)

    def _one(self, expression: Any) -> int:
        return int(self._values(self.frame.select(one=expression))[0][0] or 0)


class Duck(Narwhal):
    """A relation of duckdb: each look at it is a query."""

    def part(self, start: int, stop: int | None) -> Grid:  # noqa: D102
        import narwhals.stable.v2 as nw

        if start >= 0:
            return Duck(self.frame.head(stop))
        rows = self.rows or 0
        return Duck(nw.from_native(self.frame.to_native().limit(-start, max(0, rows + start))))

    def _counted(self) -> int | None:
        return int(self.frame.to_native().shape[0])

    def _values(self, frame: Any) -> list[tuple[Any, ...]]:
        return list(frame.to_native().fetchall())


class Unrun(Narwhal):
    """A LazyFrame of polars: only its first rows are computed."""

    def part(self, _: int, stop: int | None) -> Grid:  # noqa: D102
        return Narwhal(self.frame.head(stop or 0).collect())

    def about(self) -> list[tuple[str, str]]:  # noqa: D102
        return [(name, str(kind)) for name, kind in self.schema.items()]

    def _counted(self) -> int | None:
        return None

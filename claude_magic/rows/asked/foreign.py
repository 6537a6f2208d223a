"""How do frames of polars, pyarrow and duckdb come in, and go back with more columns?

By narwhals, which reads whatever it knows: https://narwhals-dev.github.io/narwhals/. None of these libraries
is imported here unless it made the frame.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError
from claude_magic.rows.asked import dtypes
from claude_magic.rows.asked.inputs import VALUE, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.rows.columns.table import Column


class Foreign(Rows):
    """A frame of another library, by narwhals; `back` makes what was given of it again."""

    def __init__(self, frame: Any, kind: str, back: Any = None) -> None:
        super().__init__(frame.columns, len(frame))
        self.frame, self.kind, self.back = frame, kind, back

    def take(self, numbers: Sequence[int]) -> Rows:  # noqa: D102
        return Foreign(self.frame[list(numbers)], self.kind, self.back)

    def check_dtypes(self, backend: str | None) -> None:  # noqa: D102
        if backend not in (None, self.kind):
            hint = "Leave dtype_backend out."
            raise InputError(f"A frame of {self.kind} has no dtypes of {backend}", hint=hint)

    def with_columns(self, columns: Sequence[Column], *, dtype_backend: str | None = None) -> Any:  # noqa: D102
        self.check_dtypes(dtype_backend)
        made = self.frame.with_columns(*(dtypes.narwhals(one, self.frame.implementation) for one in columns))
        native = made.to_native()
        return self.back(native) if self.back else native

    def _values(self, place: int) -> list[Any]:
        values = self.frame[self.names[place]].to_list()
        return [None if value != value else value for value in values] if _has_nan(values) else values


def rows(data: Any) -> Foreign | None:
    """Return the rows of what narwhals knows, None for anything else; raises InputError for a query."""
    import narwhals.stable.v2 as nw

    library = type(data).__module__.partition(".")[0].strip("_")
    if library == "dask":
        hint = "Give df.compute() or df.head(100); map, classify, extract and score take one with engine=."
        raise InputError("This takes no Dask frame, whose rows are not here", hint=hint)
    if library == "duckdb" and hasattr(data, "fetchall"):
        return Foreign(_collected(data), library, lambda found: _relation(data, found))
    data = _as_table(data) if library == "pyarrow" else data
    try:
        found = nw.from_native(data, allow_series=True, pass_through=True)
    except nw.exceptions.DuplicateError:
        hint = "Rename all but one of them."
        raise InputError("There are several columns of one name", hint=hint) from None
    if isinstance(found, nw.LazyFrame):
        text = f"A {type(data).__name__} of {library} is a query that has not run"
        hint = (
            "Give df.collect()." if library == "polars" else "Give its rows as a frame of pandas or polars."
        )
        raise InputError(text, hint=hint)
    if isinstance(found, nw.Series):
        found = (found if found.name else found.alias(VALUE)).to_frame()
    return Foreign(found, library) if isinstance(found, nw.DataFrame) else None


def _as_table(data: Any) -> Any:
    """Return pyarrow's other kinds of data as its table."""
    pa: Any = sys.modules["pyarrow"]
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    return pa.table({VALUE: data}) if isinstance(data, pa.Array | pa.ChunkedArray) else data


def _collected(relation: Any) -> Any:
    """Return a relation's rows: read once, for a query need not give them in one order each time."""
    import narwhals.stable.v2 as nw

    backend = next(name for name in ("pyarrow", "polars", "pandas") if importlib.util.find_spec(name))
    return nw.from_native(relation).collect(backend)


def _relation(relation: Any, found: Any) -> Any:  # noqa: ARG001 # the query names it
    """Return a table as a relation on the connection of the one that was given."""
    return relation.query("claude_magic_rows", "SELECT * FROM found")


def _has_nan(values: list[Any]) -> bool:
    return any(isinstance(value, float) and value != value for value in values)

"""How does a frame of any kind come in, and go back with more columns?

pandas frames keep their index, order, columns and attrs, and are copied, never changed. Frames of polars,
pyarrow and duckdb, and what else narwhals reads, come back as their own kind. A Series, a list, a dict of
columns and a generator have no place for more columns, so that they come back as a frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from claude_magic.errors import InputError, nearest
from claude_magic.rows.asked import dtypes
from claude_magic.rows.columns import table

if TYPE_CHECKING:
    from claude_magic.rows.columns.table import Column

VALUE = "value"  # the column of what has no names: a list of texts, a Series without a name
BACKENDS = (None, "numpy_nullable", "pyarrow")
USABLE = "Give a DataFrame, a Series, a list or a dict of lists."
OURS = ("status", "row_status")  # columns that say that others with their prefix are ours


class NoColumnError(InputError, KeyError):
    """A function of a row names a column that is not there."""


class Row(Mapping[str, Any]):
    """One row, as a function that makes prompts sees it: `row["name"]`; None where a value is missing."""

    __slots__ = ("_n", "_rows")

    def __init__(self, rows: Rows, n: int) -> None:
        self._rows, self._n = rows, n

    def __getitem__(self, label: Any) -> Any:
        rows, name = self._rows, name_of(label)
        if name not in rows.names:
            error = missing(name, rows.names, levels=rows.levels)
            raise NoColumnError(error.message, hint=error.hint)
        return rows.column(name)[self._n]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f'a row has no attribute {name}; write row["{name}"]', name=name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows.names)

    def __len__(self) -> int:
        return len(self._rows.names)

    def __repr__(self) -> str:
        return f"<row {self._n}: {', '.join(self._rows.names)}>"


class Rows:
    """A frame, read by the column; `kind` is "pandas", "series", "list", or the library's name."""

    kind = "list"
    levels: Sequence[str] = ()
    """The names of the index, which are no columns."""

    def __init__(
        self, names: Sequence[Any], length: int, given: Mapping[str, list[Any]] | None = None
    ) -> None:
        self.names = [name_of(label) for label in names]
        self._length, self._read = length, dict(given or {})

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"<Rows: {len(self):,} of {self.kind}, with {', '.join(self.names)}>"

    def column(self, name: str) -> list[Any]:
        """Return a column as Python values, None for what is missing; raises InputError."""
        if name not in self._read:
            self._read[name] = self._values(self._place(name))
        return self._read[name]

    def row(self, n: int) -> Mapping[str, Any]:
        """Return the values of a row by name."""
        return Row(self, n)

    def take(self, numbers: Sequence[int]) -> Rows:
        """Return some of the rows, by their numbers."""
        raise NotImplementedError

    def check_dtypes(self, backend: str | None) -> None:
        """Raise InputError where new columns cannot have the dtypes of a backend.

        It is "numpy_nullable" or "pyarrow" for the dtypes of pandas; other libraries have their own.
        """
        raise NotImplementedError

    def with_columns(self, columns: Sequence[Column], *, dtype_backend: str | None = None) -> Any:
        """Return a copy of the frame with more columns; one that has the name of another takes its place.

        Raises InputError as `check_dtypes` does.
        """
        raise NotImplementedError

    def check_names(self, names: Sequence[str], *, prefix: str, used: Iterable[str] = ()) -> None:
        """Raise InputError where new columns would replace some of the reader's.

        Columns of an earlier call are replaced, unless they are among the `used`, which prompts are made of.
        They are known by a status column that has the prefix, and holds nothing but statuses.
        """
        there = [name for name in dict.fromkeys(names) if name in self.names]
        if read := [name for name in there if name in used]:
            raise InputError(
                f"The prompts are made of the column {read[0]}, which the answers would replace",
                hint='Give the answers other names: prefix="second_".',
            )
        if there and not self._has_ours(prefix):
            raise InputError(
                f"There is a column {there[0]} already",
                hint=f'Give the answers other names, such as prefix="my_{prefix}", or drop it first.',
            )

    def _has_ours(self, prefix: str) -> bool:
        mine = [name for own in OURS if self.names.count(name := f"{prefix}{own}") == 1]
        return any(all(value in (None, *table.STATUSES) for value in self.column(name)) for name in mine)

    def _place(self, name: str) -> int:
        """Return where a column is; raises InputError where there is none of that name, or several."""
        if (several := self.names.count(name)) == 1:
            return self.names.index(name)
        if several:
            raise InputError(f"There are {several} columns {name}", hint="Rename all but one of them.")
        raise missing(name, self.names, levels=self.levels)

    def _values(self, place: int) -> list[Any]:
        raise NotImplementedError


def missing(name: str, names: Sequence[str], written: str = "", *, levels: Sequence[str] = ()) -> InputError:
    """Return the error for a column that is not there; `written` is how a prompt names it."""
    if name in levels:
        hint = f"{name} is in the index; make it a column: df = df.reset_index()."
    elif near := nearest(name, names):
        hint = f"Did you mean {near}?"
    else:
        more = ", …" if len(names) > 12 else ""
        hint = f"There {'is only' if len(names) == 1 else 'are'} {', '.join(names[:12]) or 'none'}{more}."
    return InputError(f"{f'{written}: there' if written else 'There'} is no column {name}", hint=hint)


def rows(data: Any) -> Rows:
    """Return the rows of a frame, a Series, a list or a dict; raises InputError for what has none.

    A frame without a row is fine. A generator is read to its end. Rows are returned as they are.
    """
    if isinstance(data, Rows):
        return data
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(data).__mro__}
    if ("pandas", "DataFrame") in kinds:
        return Pandas(data)
    if not kinds.isdisjoint((("pandas", "Series"), ("pandas", "Index"))):
        return _of_series(data)
    if isinstance(data, Mapping):
        return _of_columns(data)
    if isinstance(data, list | tuple | range | Iterator):
        return _of_items(list(data))
    from claude_magic.rows.asked import foreign

    if (found := foreign.rows(data)) is not None:
        return found
    if isinstance(data, str | bytes | type) or not isinstance(data, Iterable):
        raise InputError(f"A value of type {type(data).__name__} has no rows", hint=USABLE)
    return _of_items(_listed(VALUE, data))


class Pandas(Rows):
    """A frame of pandas, or of what builds on it, such as geopandas; a list, a dict or a Series as one."""

    def __init__(
        self, frame: Any, kind: str = "pandas", given: Mapping[str, list[Any]] | None = None
    ) -> None:
        super().__init__(list(frame.columns), len(frame), given)
        self.frame, self.kind = frame, kind
        self.levels = [str(name) for name in frame.index.names if name is not None]

    def take(self, numbers: Sequence[int]) -> Rows:  # noqa: D102 - as above
        part = list(numbers)
        given = {name: [values[n] for n in part] for name, values in self._read.items()}
        return Pandas(self.frame.iloc[part], self.kind, given)

    def check_dtypes(self, backend: str | None) -> None:  # noqa: D102
        if backend not in BACKENDS:
            hint = 'Give dtype_backend="pyarrow", "numpy_nullable" or None.'
            raise InputError(f"{backend!r} is no kind of dtypes", hint=hint)
        if backend == "pyarrow":
            dtypes.check_arrow()

    def with_columns(self, columns: Sequence[Column], *, dtype_backend: str | None = None) -> Any:  # noqa: D102
        self.check_dtypes(dtype_backend)
        made, below = self.frame.copy(), ("",) * (self.frame.columns.nlevels - 1)
        for one in columns:
            made[(one.name, *below) if below else one.name] = dtypes.pandas(one, dtype_backend).array
        return made

    def _values(self, place: int) -> list[Any]:
        column = self.frame.iloc[:, place]
        values: list[Any] = column.tolist()
        gone = column.isna()
        if not gone.any():
            return values
        return [None if no else value for value, no in zip(values, gone.tolist(), strict=True)]


def name_of(label: Any) -> str:
    """Return the name of a column; of several levels one after the other."""
    return "_".join(str(part) for part in label if part != "") if isinstance(label, tuple) else str(label)


def _of_series(data: Any) -> Rows:
    how: dict[str, Any] = {} if hasattr(data, "index") else {"index": False}  # of an Index itself
    frame = data.to_frame(name=VALUE if data.name is None else data.name, **how)
    frame.attrs.update(getattr(data, "attrs", {}))
    return Pandas(frame, "series")


def _of_columns(data: Mapping[Any, Any]) -> Rows:
    """Return the rows of a dict of columns; the values stay what they are."""
    given = {str(name): _listed(name, values) for name, values in data.items()}
    lengths = {len(values) for values in given.values()}
    if len(lengths) > 1:
        told = ", ".join(f"{name} has {len(values):,}" for name, values in list(given.items())[:6])
        raise InputError(f"The columns are not of one length: {told}", hint="Give each as many values.")
    import pandas as pd

    frame = pd.DataFrame({name: _objects(values) for name, values in given.items()})
    return Pandas(frame, "list", {name: list(map(known, values)) for name, values in given.items()})


def _listed(name: Any, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        hint = f"Give lists: {{'{name}': [...]}}; of several dicts make a list."
        raise InputError(f"{name} is a value, not a column", hint=hint)
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _of_items(items: list[Any]) -> Rows:
    """Return the rows of a list: of dicts by their keys, of anything else in one column."""
    if not items or not all(isinstance(item, Mapping) for item in items):
        return _of_columns({VALUE: items})
    names = dict.fromkeys(itertools.chain.from_iterable(items))
    return _of_columns({name: [item.get(name) for item in items] for name in names})


def _objects(values: list[Any]) -> Any:
    """Return values as pandas reads them; what it would unpack, such as lists, stays whole."""
    import pandas as pd

    made: pd.Series[Any] = pd.Series(values, dtype="object")
    try:
        return made.infer_objects()
    except UnicodeEncodeError:  # half of a character, which pyarrow's texts cannot hold
        return made


def known(value: Any) -> Any:
    """Return a value, or None for what stands for a missing one."""
    gone = (isinstance(value, float) and value != value) or type(value).__name__ in ("NaTType", "NAType")
    return None if gone else value

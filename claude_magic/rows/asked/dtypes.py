"""Which dtype does a new column get, in pandas and in other libraries?

A value that its dtype does not allow is no error: in pandas the column then stays as it is, elsewhere it is
text, with JSON for what is none.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.errors import InputError
from claude_magic.schema.columns import column as typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_magic.rows.columns.table import Column


def pandas(column: Column, backend: str | None = None) -> Any:
    """Return a column as a Series of pandas; `backend` "pyarrow" has its dtypes."""
    made = typed(column.values, column.dtype)
    return made.astype(_arrow(made.dtype)) if backend == "pyarrow" else made


def narwhals(column: Column, backend: Any) -> Any:
    """Return a column as a Series of another library, by narwhals."""
    import narwhals.stable.v2 as nw

    values = list(column.values)
    dtypes = [_narwhals(column.dtype, backend) or _nested(column.schema or {})]
    if {type(value) for value in values if value is not None} in ({dict}, {list}):
        dtypes.append(None)  # the library sees itself of what they are
    for dtype in dtypes if dtypes[0] is not None else dtypes[1:]:
        with contextlib.suppress(Exception):  # of each library's own, for values that the type does not allow
            return nw.new_series(column.name, values, dtype, backend=backend)
    return nw.new_series(column.name, list(map(_text, values)), nw.String, backend=backend)


def check_arrow() -> None:
    """Raise InputError where there is no pyarrow."""
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError("pyarrow is not installed", hint="Type %pip install pyarrow.")


def _arrow(dtype: Any) -> Any:
    """Return pyarrow's dtype for one of pandas'; for objects and categories there is none."""
    import pandas as pd

    pa: Any = importlib.import_module("pyarrow")
    known = {
        "string": pa.string(),
        "Int64": pa.int64(),
        "Float64": pa.float64(),
        "boolean": pa.bool_(),
        "datetime64[us]": pa.timestamp("us"),
        "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
        "timedelta64[us]": pa.duration("us"),
    }
    arrow = known.get(str(dtype))
    return dtype if arrow is None else pd.ArrowDtype(arrow)


def _narwhals(dtype: Any, backend: Any) -> Any:
    """Return narwhals' dtype for one of pandas'; for objects there is none."""
    import narwhals.stable.v2 as nw

    if hasattr(dtype, "categories"):
        labels = list(dtype.categories)
        if not all(isinstance(label, str) for label in labels):
            return nw.Int64 if all(type(label) is int for label in labels) else None
        return nw.Enum(labels) if backend.is_polars() else nw.Categorical
    known = {
        "string": nw.String,
        "Int64": nw.Int64,
        "Float64": nw.Float64,
        "boolean": nw.Boolean,
        "datetime64[us]": nw.Datetime("us") if backend.is_pandas_like() else nw.Date,
        "datetime64[us, UTC]": nw.Datetime("us", "UTC"),
        "timedelta64[us]": nw.Duration("us"),
    }
    return known.get(str(dtype))


def _nested(schema: Mapping[str, Any]) -> Any:
    """Return narwhals' dtype for lists, objects and what is in them; None where that is of several types."""
    import narwhals.stable.v2 as nw

    options = [one for one in schema.get("anyOf", (schema,)) if one.get("type") != "null"]
    only = options[0] if len(options) == 1 else {}
    kinds = {type(label) for label in only.get("enum", ())} - {type(None)}
    kind = "string" if kinds == {str} else "integer" if kinds == {int} else only.get("type")
    if kind == "array":
        inner = _nested(only.get("items", {}))
        return inner and nw.List(inner)
    if kind == "object" and only.get("properties"):
        parts = {name: _nested(one) for name, one in only["properties"].items()}
        return None if None in parts.values() else nw.Struct(parts)
    known = {"string": nw.String, "integer": nw.Int64, "number": nw.Float64, "boolean": nw.Boolean}
    return known.get(kind) if isinstance(kind, str) else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else wire.encode(value).decode()

"""Which columns does a table of answers have, and of which types?

They follow from what was asked for, not from what came, so that a table is typed even where every row failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.schema import VALUE, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

DTYPES = {"string": "string", "integer": "Int64", "number": "float64", "boolean": "boolean"}
MOMENTS = {"date": "datetime64[us]", "date-time": "datetime64[us, UTC]", "duration": "timedelta64[us]"}


def columns(wanted: Shape) -> dict[str, Any]:
    """Return the pandas dtype of each column: of an object's fields, of a list's items, or of "value".

    Labels make a CategoricalDtype, days and moments datetime64; lists, objects and mixed types are "object".
    """
    row = _row(wanted)
    return {name: _dtype(field) for name, field in row["properties"].items()}


def rows(wanted: Shape, value: Any) -> list[dict[str, Any]]:
    """Return the rows in an answer's JSON values, as `schema.value` returns them."""
    listed = value if wanted.bare and _bare(wanted).get("type") == "array" else [value]
    return [one if isinstance(one, dict) and not _scalars(wanted) else {VALUE: one} for one in listed]


def frame(wanted: Shape, rows: Sequence[dict[str, Any] | None]) -> pd.DataFrame:
    """Return rows of JSON values as a typed DataFrame; a row that is None, and a field left out, is missing.

    A column that holds what its type does not allow stays as it is.
    """
    import pandas as pd

    made = {
        name: column([None if row is None else row.get(name) for row in rows], dtype)
        for name, dtype in columns(wanted).items()
    }
    return pd.DataFrame(made, index=pd.RangeIndex(len(rows)))


def _bare(wanted: Shape) -> dict[str, Any]:
    found: dict[str, Any] = wanted.schema["properties"][VALUE]
    return found


def _row(wanted: Shape) -> dict[str, Any]:
    if not wanted.bare:
        return wanted.schema
    item = _bare(wanted)
    item = item["items"] if item.get("type") == "array" else item
    return item if item.get("type") == "object" else {"properties": {VALUE: item}}


def _scalars(wanted: Shape) -> bool:
    return _row(wanted).get("type") != "object"


def _dtype(field: dict[str, Any]) -> Any:
    """Return the dtype of a field; null among its types only makes it one that may be missing."""
    options = [one for one in field.get("anyOf", (field,)) if one.get("type") != "null"]
    if len(options) != 1:
        return "object"
    only = options[0]
    if labels := _labels(only):
        import pandas as pd

        return pd.CategoricalDtype(labels)
    named = only.get("type")
    kinds = [kind for kind in named if kind != "null"] if isinstance(named, list) else [named]
    if kinds == ["string"]:
        return MOMENTS.get(only.get("format", ""), "string")
    return DTYPES.get(str(kinds[0]), "object") if len(kinds) == 1 else "object"


def _labels(field: dict[str, Any]) -> list[Any]:
    labels = field.get("enum", [field["const"]] if "const" in field else [])
    return [label for label in labels if label is not None]


def column(values: Iterable[Any], dtype: Any) -> pd.Series[Any]:
    """Return values as a Series of a dtype; where one of them does not allow that, as they are."""
    import pandas as pd

    found: pd.Series[Any] = pd.Series(list(values), dtype="object")
    try:
        if str(dtype).startswith("datetime64"):
            moments = pd.to_datetime(found, utc=True, format="ISO8601")
            return moments.astype(dtype) if "UTC" in dtype else moments.dt.tz_localize(None).astype(dtype)
        if dtype == "timedelta64[us]":
            return pd.to_timedelta(found).astype(dtype)
        if isinstance(dtype, pd.CategoricalDtype) and set(found.dropna()) - set(dtype.categories):
            return found
        return found.astype(dtype)
    except (ValueError, TypeError, OverflowError):
        return found

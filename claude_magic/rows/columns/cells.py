"""Which of JSON's values can be cells of a column, and as what?

A column has one dtype, whatever comes: a value that it cannot hold is told of, and is not in it.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN: dict[str, type] = {"string": str, "Int64": int, "Float64": float, "boolean": bool}
"""The type of values that are cells as they are, by dtype."""
LARGEST = 2**63 - 1


def typed(values: list[Any], dtype: Any) -> tuple[list[Any], list[int]]:
    """Return values as cells of a dtype, and the rows of those that are none, which are None then."""
    if _are_cells(values, dtype):
        return values, []
    convert, made, bad = _cell(dtype), list[Any](), list[int]()
    for row, value in enumerate(values):
        try:
            made.append(None if value is None else convert(value))
        except (ValueError, TypeError, OverflowError):
            made.append(None)
            bad.append(row)
    return made, bad


def _are_cells(values: list[Any], dtype: Any) -> bool:
    """Say whether there is nothing to convert, by looking at all values at once."""
    kinds = set(map(type, values)) - {type(None)}
    if hasattr(dtype, "categories"):
        return kinds <= {str} and set(values) - {None} <= set(dtype.categories)
    if dtype == "Int64" and kinds == {int}:
        return not any(value is not None and abs(value) > LARGEST for value in values)
    return dtype == "object" or kinds <= {PLAIN.get(str(dtype))}


def _cell(dtype: Any) -> Callable[[Any], Any]:
    """Return what makes a cell of one value; it raises ValueError, TypeError or OverflowError."""
    if hasattr(dtype, "categories"):
        return _label(dtype.categories.tolist())
    return _CELLS.get(str(dtype)) or _CELLS[str(dtype).partition("[")[0]]


def _label(labels: list[Any]) -> Callable[[Any], Any]:
    known = {(type(label), label) for label in labels}

    def cell(value: Any) -> Any:
        if (type(value), value) not in known:
            raise ValueError(value)
        return value

    return cell


def _text(value: Any) -> str:
    return msgspec.convert(value, str)


def _whole(value: Any) -> int:
    whole = isinstance(value, float) and value.is_integer()
    found = int(value) if whole else msgspec.convert(value, int)
    if abs(found) > LARGEST:
        raise OverflowError
    return found


def _moment(value: Any) -> datetime.datetime:
    found = msgspec.convert(value, datetime.datetime)
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)


_CELLS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "Int64": _whole,
    "Float64": lambda value: msgspec.convert(value, float),
    "boolean": lambda value: msgspec.convert(value, bool),
    "datetime64[us, UTC]": _moment,
    "datetime64": lambda value: msgspec.convert(value, datetime.date),
    "timedelta64": lambda value: msgspec.convert(value, datetime.timedelta),
}

"""How do the objects of a list become a DataFrame?

One row each, in the order given. An object within an object becomes columns such as `scope.id`, a moment a
UTC timestamp, a whole number that is sometimes missing a nullable one. Lists stay lists.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?")
"""A moment with its zone, or a day: https://www.rfc-editor.org/rfc/rfc3339#section-5.6"""
TIMES = re.compile(r"(?:.*[._])?(?:at|time|timestamp|date)")
"""Names of fields that hold moments."""
UTC = "datetime64[us, UTC]"
NOTHING: dict[str, Any] = {}


def frame(items: Iterable[Any]) -> pd.DataFrame:
    """Return objects as a DataFrame, a row for each; what is not an object goes into a column `value`."""
    import pandas as pd

    rows = [item if isinstance(item, dict) else {"value": item} for item in items]
    columns = {name: _typed(name, values) for name, values in _columns(rows)}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def _columns(rows: Sequence[dict[str, Any]], stem: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield names and values, those of an object within an object where it stands itself."""
    for name in dict.fromkeys(chain.from_iterable(rows)):
        values = [row.get(name) for row in rows]
        within = [NOTHING]
        if any(issubclass(kind, dict) for kind in set(map(type, values))):
            within = [value if isinstance(value, dict) else NOTHING for value in values]
        if not any(within):
            yield stem + name, values
            continue
        others = [None if isinstance(value, dict) else value for value in values]
        if any(value is not None for value in others):
            yield stem + name, others
        yield from _columns(within, f"{stem}{name}.")


def _typed(name: str, values: list[Any]) -> Any:
    """Return a column of the type of what is in it."""
    import pandas as pd

    kinds = set(map(type, values)) - {type(None)}
    full = None not in values
    if kinds <= {str} and TIMES.fullmatch(name) and (found := _times(values)) is not None:
        return found
    if kinds == {str}:
        return pd.array(values, dtype="string")
    if kinds == {bool}:
        return pd.array(values, dtype="bool" if full else "boolean")
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None):
        return pd.array(values, dtype="int64" if full else "Int64")
    if float in kinds and kinds <= {int, float}:
        return pd.array([None if value is None else float(value) for value in values], dtype="float64")
    return pd.Series(values, dtype="object")


def _times(values: list[str | None]) -> Any:
    """Return UTC timestamps, or None where something is no moment."""
    import pandas as pd

    if not all(MOMENT.fullmatch(value) for value in set(values) if value is not None):
        return None
    try:
        found: Any = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
        return found.astype(UTC)
    except ValueError:  # no such day, or one that pandas cannot hold
        return None

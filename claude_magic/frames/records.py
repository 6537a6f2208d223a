"""How do the objects of a list become a DataFrame?

One row each, in the order given. An object within an object becomes columns such as `scope.id`, a moment a
UTC timestamp, a number that is sometimes missing a nullable one. Lists stay lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


def frame(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return objects as a DataFrame, a row for each."""
    import pandas as pd

    rows = [dict(_flat(item)) if _nested(item) else item for item in items]
    found = pd.DataFrame.from_records(rows)
    for name in found.columns:
        found[name] = _typed(found[name])
    return found


def _nested(item: Mapping[str, Any]) -> bool:
    return any(isinstance(value, dict) for value in item.values())


def _flat(item: Mapping[str, Any], stem: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{stem}{name}.")
        else:
            yield stem + name, value


def _typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with the type of what is in it."""
    import pandas as pd

    there = column.dropna()
    kinds = set(map(type, there))
    if kinds == {str} and str(column.name).endswith(("_at", ".time")) and there.map(MOMENT.fullmatch).all():
        return pd.to_datetime(column, utc=True, format="ISO8601")
    if kinds <= {int, float} and kinds and len(there) < len(column):
        whole = all(float(value).is_integer() for value in there)
        return column.astype(
            "Int64" if whole and column.dtype == object else "Float64" if not whole else "Int64"
        )
    if kinds == {bool} and len(there) < len(column):
        return column.astype("boolean")
    return column

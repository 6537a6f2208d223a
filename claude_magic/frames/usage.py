"""What was used and what did it cost, as a DataFrame?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from claude_magic import ledger
from claude_magic.errors import InputError, nearest
from claude_magic.ledger.sqlite import TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

BY = ("model", "day", "notebook", "thread", "session", "source", "outcome")
"""What calls can be grouped by."""
SOURCES = ("live", "batch", "practice", "replay")
"""Where answers come from."""
CALLS = {
    "time": "time",
    "source": "category",
    "model": "category",
    "notebook": "text",
    "cell": "text",
    "thread": "text",
    **dict.fromkeys(TOKENS, "count"),
    "cost_usd": "usd",
    "latency_s": "number",
    "ttft_s": "number",
    "outcome": "category",
    "stop_reason": "category",
    "error_type": "category",
    "attempts": "count",
    "request_id": "text",
    "session": "text",
}
"""Columns of the frame of calls, and what they are."""
SUMS = {
    "calls": ("count(*)", "count"),
    **{name: (f"sum({name})", "count") for name in TOKENS},
    "cost_usd": ("exact_sum(cost_usd)", "usd"),
    "unpriced_calls": ("sum(cost_usd IS NULL)", "count"),
    "latency_s": ("avg(latency_s)", "number"),
}
"""Columns of a grouped frame: SQL, and what they are."""


def usage(
    by: str | Sequence[str] | None = None, since: Any = None, source: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the ledger's calls, oldest first, or with `by` their sums; `source` is always a column.

    `by` is one or more of "model", "day" (UTC), "notebook", "thread", "session", "source", "outcome"; groups
    are kept apart by source, so that practice never adds to what was spent. `since` is a day or a time (UTC
    unless it says otherwise). Costs are USD, added exactly; where a price is not known the cost is missing,
    and `unpriced_calls` says how many of a group's calls are not in its sum. Latency is a mean, in seconds.
    `source` is one or more of "live", "batch", "practice", "replay". Raises InputError for another word, and
    for a `since` that is no time.
    """
    where, values = _where(since, None if source is None else _words("source", source, SOURCES))
    if by is None:
        names = CALLS
        sql = f"SELECT {', '.join(CALLS)} FROM calls {where} ORDER BY time, id"  # noqa: S608
    else:
        keys = [*dict.fromkeys([*_words("by", by, BY), "source"])]
        names = {k: "day" if k == "day" else CALLS[k] for k in keys} | {k: v for k, (_, v) in SUMS.items()}
        wanted = ", ".join([*keys, *(f"{how} AS {name}" for name, (how, _) in SUMS.items())])
        sql = f"SELECT {wanted} FROM calls {where} GROUP BY {', '.join(keys)} ORDER BY {', '.join(keys)}"  # noqa: S608
    return _frame(names, ledger.shared().query(sql, values)[1])


def _words(name: str, given: Any, known: Sequence[str]) -> list[str]:
    """Return a word or several as a list; raises InputError for one that is not known."""
    words = [given] if isinstance(given, str) or not isinstance(given, Iterable) else [*given]
    for word in words:
        if word not in known:
            raise InputError(
                f"{name} cannot be {word!r}: it is one or more of {', '.join(known)}",
                hint=f'Write {name}="{nearest(str(word), known) or known[0]}".',
            )
    return words


def _where(since: Any, sources: Sequence[str] | None) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    if since is not None:
        parts.append("time >= ?")
        values.append(_micros(since))
    if sources is not None:
        parts.append(f"source IN ({', '.join('?' * len(sources))})")
        values.extend(sources)
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), values


def _micros(since: Any) -> int:
    import pandas as pd

    try:
        when: Any = pd.Timestamp(since)
        when = when.tz_localize("UTC") if when.tzinfo is None else when.tz_convert("UTC")
        return int((when - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1))
    except (ValueError, TypeError, OverflowError):
        raise InputError(
            f"{since!r} is not a day or a time", hint='Write since="2026-11-30" or a datetime.'
        ) from None


def _frame(names: Mapping[str, str], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    made = {name: _SERIES[kind](column) for (name, kind), column in zip(names.items(), columns, strict=True)}
    return pd.DataFrame(made)


def _times(values: Sequence[int]) -> Any:
    import pandas as pd

    return pd.to_datetime(pd.Series(values, dtype="int64"), unit="us", utc=True).astype("datetime64[us, UTC]")


def _days(values: Sequence[str]) -> Any:
    import pandas as pd

    return pd.to_datetime(pd.Series(values, dtype="object")).astype("datetime64[us]")


def _counts(values: Sequence[int | None]) -> Any:
    import numpy as np
    import pandas as pd

    known = np.array(values, dtype="float64")
    missing = np.isnan(known)
    return pd.array(pd.arrays.IntegerArray(np.where(missing, 0, known).astype("int64"), missing))


def _usd(values: Sequence[str | None]) -> Any:
    import numpy as np

    return np.array([None if v is None else float(v) for v in values], dtype="float64")


def _numbers(values: Sequence[float | None]) -> Any:
    import numpy as np

    return np.array(values, dtype="float64")


def _texts(values: Sequence[str | None]) -> Any:
    import pandas as pd

    return pd.array(values, dtype="string")


def _categories(values: Sequence[str | None]) -> Any:
    import pandas as pd

    known = sorted({v for v in values if v is not None})
    return pd.Categorical(list[Any](values), categories=pd.Index(known, dtype="object"))


_SERIES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "time": _times,
    "day": _days,
    "count": _counts,
    "usd": _usd,
    "number": _numbers,
    "text": _texts,
    "category": _categories,
}

"""How do the rows of a report add up to a tidy DataFrame?

A row for each bucket and group. A sum with an unknown part is unknown. Amounts arrive in cents and become US
dollars here, once and exactly.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

from claude_magic.protocol.catalog import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from claude_magic.frames.reports import Report
    from claude_magic.frames.spans import Span

ACTOR = ("actor", "actor.type", "actor.name", "actor.email_address")
ACTOR_IDS = ("user_id", "service_account_id", "api_key_id", "email_address", "api_key_name", "subject")
"""Which field of an actor identifies it, by the kind of actor and of report."""
KINDS: dict[str, Any] = {
    **dict.fromkeys(("starting_at", "ending_at"), "datetime64[us, UTC]"),
    "is_remote": "boolean",
    "requests": "Int64",
}
"""Types of columns that are neither text, tokens nor money."""


class Sums:
    """Adds up the rows of a report by bucket and group; with `whole`, by group alone, over that time."""

    def __init__(self, report: Report, by: Sequence[str], whole: Span | None = None) -> None:
        self.report, self.by, self.whole = report, by, whole
        self.columns = report.columns(by)
        self.told = {name: path.split(".") for name, path in self.columns.items() if path}
        self.money = "amount_usd" in self.columns
        self._sums: dict[tuple[Any, ...], list[Any]] = {}

    def add(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Add what a page has."""
        with localcontext(EXACT):
            for start, end, keys, measures in self.report.rows(items, self.by):
                bounds = self.whole or (_moment(start), _moment(end))
                key = (*bounds, *_keys(keys, self.by), measures.get("currency") if self.money else None)
                found = [_read(measures, name, path) for name, path in self.told.items()]
                before = self._sums.get(key)
                self._sums[key] = found if before is None else [*map(_plus, before, found)]

    def frame(self) -> pd.DataFrame:
        """Return the sums as a frame, by time, the largest of a bucket first."""
        import pandas as pd

        names = ["starting_at", "ending_at", *columns(self.by), "currency"]
        keys = _named(names, [*self._sums])
        found = _named(self.told, [*self._sums.values()])
        if not self.money and "total_tokens" not in found:
            counts = [values for name, values in found.items() if name.endswith("_tokens")]
            found["total_tokens"] = [
                None if None in each else sum(each) for each in zip(*counts, strict=True)
            ]
        largest = found["amount_usd" if self.money else "total_tokens"]
        made = {name: pd.Series(keys[name], dtype=KINDS.get(name, "string")) for name in names[:-1]}
        kind = "object" if self.money else "Int64"
        made |= {name: pd.Series(found[name], dtype=KINDS.get(name, kind)) for name in self.columns}
        if self.money:
            made["currency"] = pd.Series(keys["currency"], dtype="string")
        starts = keys["starting_at"]
        order = sorted(range(len(starts)), key=lambda n: (starts[n], largest[n] is None, -(largest[n] or 0)))
        return pd.DataFrame(made).iloc[order].reset_index(drop=True)


def columns(by: Iterable[str]) -> list[str]:
    """Return the columns of group keys: one for each, four for an actor."""
    return [column for name in by for column in (ACTOR if name == "actor" else (name,))]


def _keys(keys: Mapping[str, Any], by: Sequence[str]) -> Iterator[Any]:
    for name in by:
        value = keys.get(name)
        if name == "actor":
            who = value or {}
            yield next((str(who[field]) for field in ACTOR_IDS if who.get(field)), None)
            yield from (who.get(field) for field in ("type", "name", "email_address"))
        elif value is None or isinstance(value, str | bool):
            yield value
        else:  # of a form that is not known yet
            yield json.dumps(value, sort_keys=True)


def _read(measures: Any, name: str, path: Sequence[str]) -> Any:
    for field in path:
        measures = measures.get(field) if measures else None
    return Decimal(str(measures)).scaleb(-2) if measures is not None and name.endswith("_usd") else measures


def _plus(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one + other


def _named(names: Iterable[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows by their names, empty ones where there are no rows."""
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else repeat(())
    return {name: list(column) for name, column in zip(names, values, strict=bool(rows))}


@lru_cache(maxsize=50_000)
def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

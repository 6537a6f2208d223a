"""Which result belongs to which row, and which belong to none?

Results come in any order and are joined to rows by their keys, the `custom_id`s of a batch. They are taken in
column by column as they come, so that of a hundred thousand lines no more is held than what is shown.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.rows.columns import reading, table
from claude_magic.rows.columns.lines import Reader
from claude_magic.rows.outcome import PAID, Outcome
from claude_magic.schema import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.columns.table import Column

NAMES = (*Outcome._fields, table.TEXT)
SHORT = ("key", "error_type", *table.SHORT, table.TEXT)
Facts = dict[str, list[Any]]


class Found(NamedTuple):
    """The columns that results make, and the `custom_id`s that are missing, fit no key, or came again.

    Of those that came again the first counts, or the first that is an answer.
    """

    columns: list[Column]
    missing: list[str]
    unknown: list[str]
    twice: list[str]


def columns(
    chunks: Iterable[bytes],
    keys: Sequence[str],
    wanted: Plan | Shape | None = None,
    *,
    others: Callable[[list[str]], Mapping[str, Outcome]] | None = None,
    prefix: str = "claude_",
    details: bool = False,
    cached: Collection[int] = (),
    source: str = "batch",
) -> Found:
    """Return the columns that result lines make, a value for each key; the bytes may be cut anywhere.

    Rows may share a key, and "" is that of a row that could not be asked; `wanted` and `cached` are as for
    `table`. `others` is asked for the outcomes of keys that no result answers. Raises StreamError where a
    line is no result.
    """
    shape = wanted if isinstance(wanted, Shape | None) else wanted.shape
    reader = Reader(source=source, fits=reading.fits(shape), keep=False, priced=details)
    came = gathered(chunks, reader, NAMES if details else SHORT)
    ids, asked = [*came["key"]], dict.fromkeys(filter(None, keys))
    place = _places(ids, came["status"])
    twice = [] if len(place) == len(ids) else [key for key, times in Counter(ids).items() if times > 1]
    missing = [key for key in asked if key not in place]
    unknown = [key for key in place if key not in asked]
    left = [key for key in asked if key not in place or came["status"][place[key]] not in PAID]
    known = others(left) if left and others is not None else {}
    for key in left:
        if (one := known.get(key)) and (key not in place or one.status in PAID):
            place[key] = _put(came, one)
    none, place[""] = _put(came, table.without("")), _put(came, table.nothing(""))
    rows = [place.get(key, none) for key in keys]
    for n, why in getattr(wanted, "unfit", {}).items():
        rows[n] = _put(came, table.without("", "error", *why))
    facts = {name: [*map(values.__getitem__, rows)] for name, values in came.items()} | {"key": [*keys]}
    made = table.made(shape, facts, prefix=prefix, details=details, cached=cached)
    return Found(made, missing, unknown, twice)


def gathered(chunks: Iterable[bytes], reader: Reader, names: Sequence[str] = NAMES) -> Facts:
    """Return what a reader finds, by column and in the order it came; raises StreamError as `columns`."""
    made: Facts = {name: [] for name in names}
    for chunk in chunks:
        _add(made, reader.take(chunk))
    _add(made, reader.end())
    reader.check()
    return made


def _places(ids: Sequence[str], statuses: Sequence[str]) -> dict[str, int]:
    """Return where the result of each key is."""
    place = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    if len(place) < len(ids):
        for n in range(len(ids) - 1, -1, -1):
            if statuses[n] in PAID or statuses[place[ids[n]]] not in PAID:
                place[ids[n]] = n
    return place


def _add(made: Facts, found: list[tuple[Outcome, str]]) -> None:
    if found:
        outcomes, texts = zip(*found, strict=True)
        came = dict(zip(NAMES, (*zip(*outcomes, strict=True), texts), strict=True))
        for name, values in made.items():
            values.extend(came[name])


def _put(made: Facts, one: Outcome) -> int:
    """Add an outcome that is no result, and return where it is."""
    text = None if one.message is None else reading.spoken(one.message)
    for name, value in zip(NAMES, (*one, text), strict=True):
        if name in made:
            made[name].append(value)
    return len(made["key"]) - 1

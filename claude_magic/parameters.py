"""Where does each parameter of a call go: path, query, JSON body or form?

The row knows: https://platform.claude.com/docs/en/api/overview. A name that it does not know is sent on, with
a note.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from claude_magic.body import Part, form, part
from claude_magic.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.body import Body
    from claude_magic.endpoints import Endpoint

BOUNDS = ("gt", "gte", "lt", "lte")
SAMPLING = ("temperature", "top_p", "top_k")  # of messages, under the version before this one
BEFORE = "2023-06-01"


class Sorted(NamedTuple):
    """The parameters of a call by where they go."""

    query: tuple[tuple[str, str], ...]
    fields: dict[str, Any]
    files: tuple[tuple[str, Part], ...] = ()

    def upload(self, more: Mapping[str, Any]) -> Body | None:
        """Return the form that carries the files, or None where there are none."""
        return form({**self.fields, **more}, self.files) if self.files else None


def sort(row: Endpoint, params: Mapping[str, Any], version: str) -> Sorted:
    """Return parameters by where they go; raises InputError for what could not be sent there."""
    query: list[tuple[str, str]] = []
    fields: dict[str, Any] = {}
    files: list[tuple[str, Part]] = []
    for name, value in params.items():
        known = row.params.get(name)
        stem, _, bound = name.rpartition("_")
        if known is None and bound in BOUNDS and stem in row.params and row.params[stem].type == "range":
            query += pairs({f"{stem}[{bound}]": value})
        elif known is None:
            if not (version == BEFORE and name in SAMPLING):
                _note(row, name)
            if row.method in ("GET", "DELETE"):
                query += pairs({name: value})
            else:
                fields[name] = value
        elif known.type == "file":
            given = value if known.many and isinstance(value, list) else [value]
            files += [(f"{name}[]" if known.many else name, part(one)) for one in given]
        elif known.type == "range" and isinstance(value, Mapping):
            query += pairs({f"{name}[{edge}]": moment for edge, moment in value.items()})
        elif known.query:
            one = isinstance(value, str) or not isinstance(value, Iterable | None)
            query += pairs({name: [value] if known.many and one else value})
        else:
            fields[name] = value
    return Sorted(tuple(query), fields, tuple(files))


def _note(row: Endpoint, name: str) -> None:
    near = nearest(name, row.params)
    also = f"; did you mean {near}?" if near else ""
    warnings.warn(
        f"{row.name} is not known to take {name!r}; it is sent as it is{also}", UserWarning, stacklevel=2
    )


def path(row: Endpoint, given: Mapping[str, Any]) -> str:
    """Return a row's path with its parameters in it; raises InputError for one that would leave its place."""
    return row.path.format(**{name: quote(_segment(name, value), safe="") for name, value in given.items()})


def _segment(name: str, value: Any) -> str:
    """Return a path parameter, which may hold anything that cannot lead to another path."""
    text = str(value)
    if not text.isprintable() or {"", ".", ".."} & set(re.split(r"[/\\]", text)):
        raise InputError(f"{name} cannot be {text[:60]!r}", hint=f"Give the {name} as the API gave it.")
    return text


def pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a query's pairs: lists as `name[]=a&name[]=b`, None left out; raises InputError."""
    for name, value in query.items():
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            if value is not None:
                yield name, _text(name, value)
        else:
            yield from ((f"{name}[]", _text(name, "" if one is None else one)) for one in value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InputError(
            f"{name} is a moment without a time zone: {value.isoformat()}",
            hint="Give one such as datetime(2026, 11, 1, tzinfo=UTC).",
        )
    return value.isoformat() if isinstance(value, date) else str(value)

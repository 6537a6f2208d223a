"""Where does each parameter of a call go: path, query, JSON body or form?

The row knows: https://platform.claude.com/docs/en/api/overview. A name that it does not know is sent on, with
a note.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from claude_magic.errors import InputError, nearest
from claude_magic.protocol.body import Body, Content, Part, form, json_object, part
from claude_magic.protocol.endpoints import ENDPOINTS, Endpoint, Param
from claude_magic.wire import mended

BOUNDS = ("gt", "gte", "lt", "lte")
SAMPLING = ("temperature", "top_p", "top_k")  # of messages, under the version before this one
BEFORE = "2023-06-01"
CURSORS = ("page", "after_id", "before_id")  # a list may page in another way under an older beta
# what a segment may hold: https://www.rfc-editor.org/rfc/rfc3986#section-3.3, but ";"
IN_PATH = "!$&'()*+,=:@"

NOTED: ContextVar[bool] = ContextVar("noted", default=False)
"""Whether what is sent here was looked through for unknown names before."""


class Sorted(NamedTuple):
    """The parameters of a call by where they go."""

    query: list[tuple[str, str]]
    fields: dict[str, Any]
    files: list[tuple[str, Part]]

    def upload(self, row: Endpoint) -> Body | None:
        """Return the body that is read as it is sent: a form, or JSON with a long list in it."""
        if self.files or row.kind == "multipart":
            return form(self.fields, self.files)
        long = any(isinstance(value, Content) for value in self.fields.values())
        return json_object(self.fields) if long else None


def sort(row: Endpoint, params: Mapping[str, Any], version: str) -> Sorted:
    """Return parameters by where they go; raises InputError for what could not be sent there."""
    found = Sorted([], {}, [])
    for name, value in params.items():
        known = row.params.get(name) or _bound(row, name) or _unknown(row, name, value, version)
        if known.type == "file":
            several = value if known.many and isinstance(value, list) else [value]
            found.files.extend((f"{name}[]" if known.many else name, part(one)) for one in several)
        elif known.query:
            alone = known.many and (isinstance(value, str) or not isinstance(value, Iterable | None))
            found.query.extend(pairs({known.name: [value] if alone else value}))
        elif known.whole and isinstance(value, Mapping):
            found.fields.update(value)
        elif known.many and isinstance(value, Iterable) and not isinstance(value, str | Mapping | Content):
            found.fields[name] = list(value)
        else:
            found.fields[name] = _text(name, value) if isinstance(value, date) else value
    return found


def _bound(row: Endpoint, name: str) -> Param | None:
    """Return the bound of a range that a name such as `created_at_gte` stands for."""
    stem, _, bound = name.rpartition("_")
    known = row.params.get(stem)
    ranged = known is not None and known.type == "range" and bound in BOUNDS
    return Param(f"{stem}[{bound}]", query=True) if ranged else None


def _unknown(row: Endpoint, name: str, value: Any, version: str) -> Param:
    """Return where a name goes that the row does not know, with a note; a call without a row knows none."""
    if not NOTED.get():
        note_unknown(row, name, version)
    file = row.name not in ENDPOINTS and isinstance(value, Part | os.PathLike)
    return Param(name, "file" if file else "any", query=row.method in ("GET", "DELETE"))


def note_unknown(row: Endpoint, name: str, version: str) -> None:
    """Warn of a name that the row does not know."""
    known = (version == BEFORE and name in SAMPLING) or (row.paging and name in CURSORS)
    if row.name in ENDPOINTS and not known:
        near = nearest(name, row.params)
        also = f"; did you mean {near}?" if near else ""
        note = f"{row.name} is not known to take {name!r}; it is sent as it is{also}"
        warnings.warn(note, UserWarning, stacklevel=_outside())


def _outside() -> int:
    """Return how far above its caller the first line is that is not this package's."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - documented, and far faster than inspect.stack
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("claude_magic."):
        level, frame = level + 1, frame.f_back
    return level


def path(row: Endpoint, given: Mapping[str, Any]) -> str:
    """Return a row's path with its parameters in it; raises InputError for one that would leave its place."""
    for name, value in given.items():
        if not stays(str(value)):
            hint = f"Give the {name} as the API gave it."
            raise InputError(f"{name} cannot be {str(value)[:60]!r}", hint=hint)
    return row.path.format_map({name: quote(str(value), safe=IN_PATH) for name, value in given.items()})


def stays(segment: str) -> bool:
    """Say whether a segment of a path leads nowhere else, however it is read."""
    return segment.isprintable() and not {"", ".", ".."} & set(re.split(r"[/\\]", segment))


def pairs(query: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield a query's pairs, None left out: `name[]=a&name[]=b`, `name[gte]=a`; raises InputError.

    A None in a list is the empty text, which the API reads as "has none".
    """
    for key, value in query.items():
        name = f"{inside}[{key}]" if inside else key
        if isinstance(value, Mapping):
            yield from pairs(value, name)
        elif isinstance(value, str) or not isinstance(value, Iterable):
            if value is not None:
                yield name, _text(name, value)
        else:
            yield from ((f"{name}[]", _text(name, "" if one is None else one)) for one in value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.tzinfo is None:
        text = f"{name} is a moment without a time zone: {value.isoformat()}"
        raise InputError(text, hint="Give one such as datetime(2026, 11, 1, tzinfo=UTC).")
    return value.isoformat() if isinstance(value, date) else str(mended(str(value)))

"""How are the service's lists shown: files, skills, batches, people, keys?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import views
from claude_magic.called import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from claude_magic.wire import Record

seen: dict[str, dict[str, str]] = {}
"""What this session was shown, for completion: "files", "USER"… to its ids and their names."""

PAGE = 1000  # items asked for at once
COLUMNS = {
    # what is shown, few enough for a line: NAME or NAME=the API's; the first is the index
    "files": "id filename size_bytes downloadable created=created_at expires=expires_at",
    "skills": "id display_name source=source.type updated=updated_at",
    "versions": "id name description created=created_at",
    "batches": "id status=processing_status processing=request_counts.processing "
    "succeeded=request_counts.succeeded errored=request_counts.errored canceled=request_counts.canceled "
    "expired=request_counts.expired created=created_at ended=ended_at",
    "USER": "id name email role",
    "INVITE": "id email role status expires=expires_at",
    "WORKSPACE": "id name created=created_at",
    "members": "user_id name email workspace_role",
    "KEY": "id name status hint=partial_key_hint workspace=scope.workspace_id expires=expires_at",
    "limits": "group limit value set_by",
}
TIMES = ("created", "updated", "expires", "ended")
KINDS: dict[str, Any] = {
    **dict.fromkeys(TIMES, "datetime64[us, UTC]"),
    **dict.fromkeys(
        ("size_bytes", "processing", "succeeded", "errored", "canceled", "expired", "value"), "Int64"
    ),
    "downloadable": "boolean",
}
"""Types of columns that are not text."""


def table(kind: str, items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the objects of a list as a frame whose columns are always the same; times are UTC.

    A cell shows those of them that say something. Every field is in `client.files.list().to_frame()`.
    """
    from claude_magic.frames.records import frame

    names = {(pair := word.split("="))[-1]: pair[0] for word in COLUMNS[kind].split()}
    found = frame(items).reindex(columns=[*names]).rename(columns=names)
    index, *rest = found
    for name in rest:
        found[name] = found[name].astype(KINDS.get(str(name), "string"))
        if name in TIMES:
            found[name] = found[name].dt.tz_localize(None)
            found = found.rename(columns={name: f"{name} (UTC)"})
    return views.shown(found.set_index(index), columns)


def columns(found: pd.DataFrame) -> list[views.Column]:
    """Return an index, and the columns that say something; of an empty list all."""
    rest = [name for name in found if not len(found) or views.says(found[name])]
    return [
        views.column(str(found.index.name), found.index.to_series()),
        *(views.column(str(name), found[name]) for name in rest),
    ]


def listed(kind: str, items: Iterable[Record]) -> pd.DataFrame:
    """Return a list as a frame, and take note of it for completion."""
    found = list(items)
    for item in found:
        see(kind, item)
    return table(kind, found)


def see(kind: str, item: Record) -> Record:
    """Return one of the API's objects, and take note of it for completion."""
    name = next((str(item[name]) for name in NAMES if item.get(name)), "")
    seen.setdefault(kind, {})[str(item.get("id"))] = name
    return item

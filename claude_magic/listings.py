"""How are the service's lists shown: files, skills, batches, people, keys?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
EXACT = ("created", "ended")  # times of which not only the day is shown
NAMES = ("filename", "display_name", "name", "email")


def table(kind: str, items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the objects of a list as a frame: few columns, and of those none that says nothing.

    Times are UTC, as their columns say. Every field is in `client.files.list().to_frame()` and the like.
    """
    import pandas as pd

    from claude_magic.frames.records import frame

    columns = {(pair := word.split("="))[-1]: pair[0] for word in COLUMNS[kind].split()}
    found = frame(items)
    found = found.reindex(columns=[*columns]).rename(columns=columns)
    index, *rest = found
    for name in rest:
        if len(found) and not _says(found[name]):
            found = found.drop(columns=name)
        elif isinstance(found[name].dtype, pd.DatetimeTZDtype):
            found[name] = found[name].dt.floor("s" if name in EXACT else "D").dt.tz_localize(None)
            found = found.rename(columns={name: f"{name} (UTC)"})
    return found.set_index(index)


def report_table(found: pd.DataFrame, period: str = "") -> pd.DataFrame:
    """Return usage or cost by `period` ("day"…, "" for none) for reading: without what says nothing."""
    said = found[[name for name in found if name == "starting_at" or not len(found) or _says(found[name])]]
    said = said.drop(columns="currency", errors="ignore")  # of an amount_usd
    if not period:
        return said
    said = said.drop(columns="ending_at", errors="ignore")
    said = said.assign(starting_at=said["starting_at"].dt.tz_localize(None))
    return said.rename(columns={"starting_at": f"{period} (UTC)"}).set_index(f"{period} (UTC)")


def _says(column: pd.Series[Any]) -> bool:
    return bool((column.notna() & ~column.isin([0, ""])).any())


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

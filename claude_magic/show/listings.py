"""How are the lists of the service shown, and its reports of usage and cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from claude_magic.api.called import NAMES
from claude_magic.frames.reports import SEARCHES
from claude_magic.looks import views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

Item = TypeVar("Item", bound="Mapping[str, Any]")
seen: dict[str, dict[str, str]] = {}
"""What this session was shown, for completion: "files", "USER"… to its ids and their names."""

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
    found = found.rename(columns={name: f"{name} (UTC)" for name in TIMES})
    return views.shown(found.set_index(index), columns)


def columns(found: pd.DataFrame) -> list[views.Column]:
    """Return an index, and the columns that say something; of an empty list all."""
    rest = [name for name in found if not len(found) or views.says(found[name])]
    return [
        views.column(str(found.index.name), found.index.to_series()),
        *(views.column(str(name), found[name]) for name in rest),
    ]


def listed(kind: str, items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a list as a frame, and take note of it for completion."""
    found = list(items)
    for item in found:
        see(kind, item)
    return table(kind, found)


def see(kind: str, item: Item) -> Item:
    """Return one of the API's objects, and take note of it for completion."""
    name = next((str(item[name]) for name in NAMES if item.get(name)), "")
    seen.setdefault(kind, {})[str(item.get("id"))] = name
    return item


# ---- usage and cost ----------------------------------------------------------------------------------------

HEADS = {
    # a column of a report, and the words for it here
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache read",
    "cache_creation.ephemeral_5m_input_tokens": "cache write 5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache write 1h",
    "cache_creation_input_tokens": "cache write",
    "output_tokens": "output",
    "total_tokens": "total",
    SEARCHES: "searches",
    "amount_usd": "USD",
    "list_amount_usd": "list price USD",
    "workspace_id": "workspace",
    "api_key_id": "API key",
    "actor.type": "kind of actor",
    "actor.name": "name",
    "actor.email_address": "email",
}
PERIODS = {"1d": "day", "1h": "hour", "1m": "minute"}


def report(found: pd.DataFrame) -> pd.DataFrame:
    """Return what `admin.usage` or `admin.cost` does, which a cell shows for reading; it stays exact.

    With short heads, without what is zero or the same everywhere, and with a sum.
    """
    return views.shown(found, lambda part: list(_of_report(part)))


def _of_report(found: pd.DataFrame) -> Iterator[views.Column]:
    period = PERIODS.get(found.attrs.get("every") or "")
    several = len(found) > 1
    first = True
    for name in found:
        if _is_left_out(found, str(name), bool(period)):
            continue
        if name in ("starting_at", "ending_at"):
            head = period or ("from" if name == "starting_at" else "to")
            made = views.column(f"{head} (UTC)", found[name])
        elif str(name).endswith("_usd"):
            one_money = found["currency"].nunique(dropna=False) == 1
            made = views.money(HEADS[str(name)], found[name], total=several and one_money)
        elif found[name].dtype.kind == "i":
            made = views.counts(_head(str(name)), found[name], total=several)
        else:
            made = views.column(_head(str(name)), found[name])
        yield made._replace(total="sum") if first and several else made
        first = False


def _head(name: str) -> str:
    return HEADS.get(name) or name.replace("_", " ").replace(".", " ")


def _is_left_out(found: pd.DataFrame, name: str, in_periods: bool) -> bool:
    """Say whether a column tells nothing that another one does not."""
    if name == "ending_at":
        return in_periods
    if name == "currency":
        return bool((found[name] == "USD").all())  # the head of the amounts says it
    if name == "list_amount_usd" and found[name].equals(found["amount_usd"]):
        return True
    return bool(len(found)) and name != "starting_at" and not views.says(found[name])

"""How does a cell show the organization's usage and cost?

With short heads, without what is zero or the same everywhere, and with a sum. The frame itself is what
`admin.usage` and `admin.cost` return, and stays exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_magic import views
from claude_magic.frames.reports import SEARCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

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


def shown(report: pd.DataFrame) -> pd.DataFrame:
    """Return a report of usage or cost, which a cell shows for reading."""
    return views.shown(report, lambda found: list(_columns(found)))


def _columns(found: pd.DataFrame) -> Iterator[views.Column]:
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

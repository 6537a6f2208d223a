"""Which models are there, what can they do and what do they cost, as a DataFrame?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.errors import ClaudeError, InputError
from claude_magic.protocol import catalog
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from claude_magic.api.client import Client

DTYPES: dict[str, Any] = {
    "display_name": "string",
    "line": "category",
    "status": "category",
    "released": "datetime64[s]",
    "context_window": "Int64",
    "max_output_tokens": "Int64",
    **{f"{kind}_usd": "float64" for kind in catalog.KINDS},
    "thinking": "string",
    "effort": "string",
    "retires": "datetime64[s]",
    "aliases": "string",
    "notes": "string",
    "source": "category",
}
"""Columns and their types. Prices are USD per million tokens, of the lowest tier where a model has tiers."""
LISTED = {
    "display_name": "display_name",
    "line": "line",
    "lifecycle": "status",
    "created_at": "released",
    "max_input_tokens": "context_window",
    "max_tokens": "max_output_tokens",
    "retires_at": "retires",
}
"""A field of `/v1/models` -> our column: https://docs.claude.com/en/api/models-list"""
PATIENCE_S = 5.0


def models(client: Client | None = None) -> pd.DataFrame:
    """Return the models, indexed by id, newest first: the catalogue, with what the service lists on top.

    Without `client` the session's is asked, if there is one, for at most 5 seconds. The column `source` says
    where a row is from: "catalogue", "service", "catalogue + service" or, in practice, "catalogue +
    practice"; `frame.attrs["note"]` says why the service was not asked.
    Raises InputError for what is no client.
    """
    import pandas as pd

    settings.load_prices()
    rows = {m.id: _row(m) for m in catalog.all_models()}
    listed, where, note = _listed(client)
    for item in listed:
        mine = rows.get(str(item.get("id")))
        given = {ours: item[theirs] for theirs, ours in LISTED.items() if item.get(theirs) is not None}
        rows[str(item.get("id"))] = {
            **(mine or {}),
            **given,
            "source": f"catalogue + {where}" if mine else where,
        }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[*DTYPES]).rename_axis("id")
    for name, kind in DTYPES.items():
        frame[name] = _days(frame[name]) if kind.startswith("datetime") else frame[name].astype(kind)
    frame = frame.sort_values("released", ascending=False, kind="stable", na_position="last")
    frame.attrs.update({"note": note} if note else {})
    return frame


def _listed(client: Client | None) -> tuple[list[Mapping[str, Any]], str, str]:
    """Return what the service lists, what to call it, and why nothing if nothing; raises InputError."""
    if client is not None and not hasattr(client, "models"):
        raise InputError(f"{client!r} is no client", hint="Type models(), or models(Client()).")
    try:
        asked = client or current.client()
        quick = asked.with_options(timeout=PATIENCE_S, max_retries=0)
        where = "practice" if current.source_of(asked) == "practice" else "service"
        return [*quick.models.list(limit=1000)], where, ""
    except ClaudeError as e:
        return [], "", f"The service was not asked: {e.message}"


def _row(m: catalog.Model) -> dict[str, Any]:
    prices = catalog.price(m.id)
    return {
        "display_name": m.display_name,
        "line": m.line,
        "status": m.status,
        "released": m.released,
        "context_window": m.context_window,
        "max_output_tokens": m.max_output_tokens,
        **{f"{k}_usd": float(p) for k in catalog.KINDS if (p := getattr(prices, k, None)) is not None},
        "thinking": _thinking(m.thinking),
        "effort": _effort(m),
        "retires": m.retires_at,
        "aliases": ", ".join(m.aliases),
        "notes": m.notes,
        "source": "catalogue",
    }


def _thinking(rules: Mapping[str, Any] | None) -> str | None:
    """Return the accepted types with their conditions, the default first."""
    if rules is None:
        return None
    accepted = {kind: rule for kind, rule in rules.items() if kind != "omitted" and rule}
    first = {"off": "disabled"}.get(rules["omitted"], rules["omitted"])
    ordered = sorted(accepted.items(), key=lambda pair: pair[0] != first)
    return ", ".join(kind if rule is True else f"{kind} ({rule})" for kind, rule in ordered)


def _effort(m: catalog.Model) -> str | None:
    """Return the levels, the default marked: "low medium* high"."""
    if m.effort_levels is None:
        return None
    return " ".join(f"{level}*" if level == m.default_effort else level for level in m.effort_levels)


def _days(column: pd.Series) -> pd.Series:
    import pandas as pd

    return pd.to_datetime(column.str.slice(0, 10)).astype("datetime64[s]")

"""What can a reader look at: settings, models, money, conversations?

Each is a DataFrame; `commands.py` says which words ask for it.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic import frames, keys, ledger, limits, settings
from claude_magic.errors import ConfigError, InputError
from claude_magic.looks import views
from claude_magic.money import dryrun, estimating
from claude_magic.protocol import catalog
from claude_magic.talk import current
from claude_magic.talk.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

VALUE = re.compile(r'<value of="([^"\n]*)" type="[^"\n]*">\n.*?\n</value>', re.DOTALL)
NO_KEY = "none: %claude login, or %claude practice on"
BUDGETS = {  # the word, its setting, and what it covers
    "session": ("session_budget", "this session"),
    "day": ("day_budget", "today (UTC)"),
    "call": ("max_cost", "one call"),
}


def _frame(columns: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows as a frame; `columns` are names with commas between, the first is the index."""
    import pandas as pd

    names = columns.split(", ")
    return pd.DataFrame(rows, columns=names).set_index(names[0])


def status() -> pd.DataFrame:
    """Return every setting in force, and who said so; keys are masked."""
    none = "none needed in practice" if settings.practice().value else NO_KEY
    rows = [
        (s.name, none, "") if s.source == settings.NO_KEY_HINT else (s.name, shown(s.value), s.source)
        for s in settings.describe()
    ]
    rows.insert(1, ("admin_key", *admin_key()))
    rows.append(("settings folder", str(keys.config_dir()), "settings.json; your own prices.json"))
    rows.append(("ledger", str(ledger.shared().path), "calls and their cost, no texts"))
    return _frame("name, value, source", rows)


def admin_key() -> tuple[str, str]:
    """Return whether there is an admin key, and who said so."""
    source = "ANTHROPIC_ADMIN_KEY" if os.environ.get("ANTHROPIC_ADMIN_KEY") else "admin key file"
    try:
        found = keys.admin_key()
    except ConfigError as error:
        return error.message, source
    return ("there", source) if found else ("none: %claude login admin", "")


def shown(value: Any) -> str:
    """Return a setting's value as a reader writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value in (None, "") else str(value)


def models(word: str = "") -> pd.DataFrame:
    """Return the models with `word` in their names, or "all"; retired ones only where there is no other.

    `claude_magic.models()` has every fact; raises InputError when no name has the word.
    """
    import pandas as pd

    full = frames.models()
    found = full if word == "all" else full[full.index.str.contains(word, case=False, regex=False)]
    if found.empty:
        raise InputError(
            f"No model has {word!r} in its name", hint="Type %claude models all to see them all."
        )
    current = found[found.status != "retired"]
    if word != "all" and not current.empty:
        found = current
    shown = {
        name: found[column].map(lambda v, f=form: "" if pd.isna(v) else f(v))
        for name, (column, form) in MODELS.items()
    }
    return pd.DataFrame(shown, dtype="object")


MODELS: dict[str, tuple[str, Callable[[Any], str]]] = {  # a column shown: that of frames.models, and its form
    "status": ("status", str),
    "input USD/M": ("input_usd", "{:.2f}".format),
    "output USD/M": ("output_usd", "{:.2f}".format),
    "context": ("context_window", "{:,}".format),
    "max output": ("max_output_tokens", "{:,}".format),
    "efforts": ("effort", str),
    "retires": ("retires", "{:%Y-%m-%d}".format),
}
USAGE = {  # a column of frames.usage, and the word for it here
    "time": "time (UTC)", "source": "source", "model": "model", "cell": "cell", "thread": "thread",
    "input_tokens": "input", "output_tokens": "output", "cost_usd": "cost", "outcome": "outcome",
}  # fmt: skip


def usage(by: str | None = None) -> pd.DataFrame:
    """Return the calls, or their sums, without columns that say nothing; `frames.usage` has them all."""
    found = frames.usage(by=by)
    found = found[[*USAGE]] if by is None else found
    if "time" in found:
        found["time"] = found.time.dt.floor("s").dt.tz_localize(None)
    if "latency_s" in found:
        found["latency_s"] = found.latency_s.round(2)
    found["cost_usd"] = [_usd(cost) for cost in found.cost_usd]
    silent = [name for name in found if len(found) and not views.says(found[name])]
    return found.drop(columns=silent).rename(columns=USAGE)


def _usd(cost: float) -> str:
    return "not known" if cost != cost else limits.usd(Decimal(repr(cost)))  # NaN


def aliases() -> pd.DataFrame:
    """Return the short words for models, the reader's own among them."""
    rows = {**{w: catalog.resolve(w) for w in catalog.SHORT}, **settings.aliases()}
    return _frame("alias, model", list(rows.items()))


def cost() -> pd.DataFrame:
    """Return what this session and today (UTC) have cost in USD, practice apart."""
    return _frame(
        "source, this session, today (UTC)",
        [(source, *(limits.usd(amount) for amount in _spent(source))) for source in ("live", "practice")],
    )


def _spent(source: str) -> tuple[Decimal, Decimal]:
    books = ledger.shared()
    session = books.spent(session=current.session_id(), source=source)
    return session, books.spent(day=datetime.now(UTC).date(), source=source)


def budgets() -> pd.DataFrame:
    """Return each budget in USD, what is spent and left of it, and who set it; practice counts by itself."""
    source = "practice" if settings.practice().value else "live"
    spent = dict(zip(BUDGETS, _spent(source), strict=False))
    rows = [_budget(*BUDGETS[word], spent.get(word)) for word in BUDGETS]
    return _frame(f"budget, limit, spent ({source}), left, set by", rows)


def _budget(name: str, covers: str, spent: Decimal | None) -> tuple[str, ...]:
    found = settings.option(name)
    limit: Decimal | None = found.value
    left = "" if limit is None else limits.usd(max(limit - (spent or 0), limit * 0), ROUND_DOWN)
    used = "" if spent is None else limits.usd(spent)
    return covers, "none" if limit is None else limits.usd(limit), used, left, found.source


def estimate(path: str | None, names: Mapping[str, Any]) -> pd.DataFrame:
    """Return what a notebook's questions would take and cost, by default this one's; raises InputError."""
    if path is None:
        path = Path(os.environ.get("JPY_SESSION_NAME", "")).name  # its folder is the server's way to name it
        if not path.endswith(".ipynb"):
            raise InputError("Which notebook is not known", hint="Type %claude estimate NOTEBOOK.ipynb")
    found = estimating.estimate(path, names)
    for name in ("low", "high"):
        found[name] = found[name].map(dryrun.money)
    found["model"] = found.model.map(lambda name: name if isinstance(name, str) else "")
    return found.drop(columns=[name for name in ("counted", "unknown") if not found[name].any()])


def history(last: int | None = None, name: str | None = None) -> pd.DataFrame:
    """Return the turns of a conversation, by default the current one's; raises InputError."""
    turns = (known(name) if name else threads.get()).turns
    rows = [(n, _brief(t.question), t.answer, t.model, t.stop_reason) for n, t in enumerate(turns, 1)]
    return _frame("turn, question, answer, model, stop_reason", rows).tail(last or len(rows))


def conversations() -> pd.DataFrame:
    """Return the conversations of this notebook."""
    now = threads.get()
    rows = [
        (t.name, len(t), _brief(t.turns[-1].question) if t.turns else "", t is now)
        for t in threads
        if t.turns or t.system or t is now
    ]
    return _frame("thread, turns, last question, current", rows)


def _brief(question: str) -> str:
    """Return a question with the names of the values in it, in their place."""
    return VALUE.sub(r"[\1]", question).strip()


def known(name: str) -> Thread:
    """Return a conversation that is there; raises InputError."""
    if name not in threads:
        raise InputError(f"There is no conversation {name!r}", hint="Type %claude threads to see them.")
    return threads.get(name)

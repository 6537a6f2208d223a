"""What will a map cost before it runs?

Nothing is paid to know it. Input is measured (`lengths.py`), output is foreseen (`outputs.py`), and both are
priced for the model asked and for the newest of each line, live and in a batch. What several rows ask alike
is asked once, and what the journal has of the model asked costs nothing; another model would be asked anew.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic import limits
from claude_magic.errors import ConfigError
from claude_magic.looks import views
from claude_magic.money.dryrun import money
from claude_magic.rows.judged import lengths, outputs
from claude_magic.rows.judged.pricing import Line, priced
from claude_magic.rows.kept import journal as journals
from claude_magic.talk import current
from claude_magic.talk.counting import Counting

if TYPE_CHECKING:
    import pandas as pd

    from claude_magic.api.client import Client
    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.judged.lengths import Input
    from claude_magic.rows.judged.outputs import Output
    from claude_magic.rows.kept.journal import Journal
    from claude_magic.rows.pace.gate import Gate

MANY = 5_000  # keys that the journal is asked for at once: it answers with the messages
USD = ("low_usd", "expected_usd", "high_usd")
DTYPES = {
    "model": "string",
    "mode": "string",
    "requests": "Int64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "low_usd": "Float64",
    "expected_usd": "Float64",
    "high_usd": "Float64",
    "minutes": "Float64",
    "counted": "string",
}


def estimate(
    plan: Plan, client: Client | None = None, *, journal: Journal | None = None, gate: Gate | None = None
) -> pd.DataFrame:
    """Return what a plan would take and cost, a row for each model, live and in a batch; nothing is asked.

    `low_usd`, `expected_usd` and `high_usd` are for short, usual and long answers; `output_tokens` are the
    expected ones. The attrs say how many rows share a request, are answered already or cannot be asked, which
    counts are exact, and where the figures come from (`note`). Without a key tokens are estimated by length.
    Raises what the service refuses.
    """
    bucket = limits.BUCKETS.get(_source(client), "live")
    journal = journal or journals.shared()
    known = _answered(plan, journal, bucket)
    every = [*plan.first.values()]
    left = [row for key, row in plan.first.items() if key not in known]
    counting = Counting(client)
    counts = lengths.measure(plan, left, counting)
    whole = lengths.measure(plan, every, counting) if known else counts
    body = plan.body(every[0]) if every else {"model": plan.model, "max_tokens": 0, "messages": []}
    answers = outputs.output(plan, body, journal, bucket)
    lines = [*priced(body, counts, answers, gate, whole=whole)]
    return _frame(lines, _about(plan, len(known), counts, answers))


def _source(client: Client | None) -> str:
    try:
        return current.source_of(client or current.client())
    except ConfigError:  # there is nobody to ask
        return "live"


def _answered(plan: Plan, journal: Journal, bucket: str) -> set[str]:
    """Return the keys of requests that the journal has an answer for."""
    keys, found = list(plan.first), set[str]()
    for start in range(0, len(keys), MANY):
        found |= journal.find(keys[start : start + MANY], bucket).keys()
    return found


def _about(plan: Plan, known: int, counts: Input, answers: Output) -> dict[str, Any]:
    """Return what is to be known of the figures."""
    asked = len(plan.first)
    facts: dict[str, Any] = {
        "rows": len(plan),
        "not_asked": len(plan.unfit),
        "duplicates": len(plan) - len(plan.unfit) - asked,
        "answered": known,
        "counted": counts.counted,
        "exact": counts.exact,
    }
    told = {
        "not_asked": "cannot be asked",
        "duplicates": "ask the same as another",
        "answered": "are answered already",
    }
    words = [f"{facts[name]:,} {said}" for name, said in told.items() if facts[name]]
    rows = f"{len(plan):,} rows" + (f": {', '.join(words)}" if words else "")
    note = f"{rows}. Input {counts.words}; output {answers.by}. Nothing was asked."
    return {**facts, "note": note, "unasked": "" if asked else plan.unasked}


def _frame(lines: list[Line], about: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    plain = [[float(value) if isinstance(value, Decimal) else value for value in line] for line in lines]
    made = pd.DataFrame(plain, columns=[*DTYPES]).astype(DTYPES)
    made.attrs.update(about)
    return views.shown(made, _view)


def _view(frame: pd.DataFrame) -> list[views.Column]:
    """Return the columns as they are read, or why no row can be asked; an unknown price says so."""
    if why := frame.attrs.get("unasked"):
        return [views.Column("", [why])]
    requests, rows = "requests", frame.attrs.get("rows")
    if rows is not None:
        requests += f" of {rows:,} row{'s' * (rows != 1)}"
    if known := frame.attrs.get("answered"):
        requests += f", {known:,} answered"
    minutes = [
        "up to a day" if mode == "batch" else "unknown" if gone else f"{value:,.1f}"
        for mode, value, gone in zip(frame["mode"], frame["minutes"], frame["minutes"].isna(), strict=True)
    ]
    return [
        views.column("model", frame["model"]),
        views.column("", frame["mode"]),
        views.column(requests, frame["requests"]),
        views.column("tokens in", frame["input_tokens"]),
        views.column("tokens out", frame["output_tokens"]),
        *(views.Column(name[:-4], [*map(_usd, frame[name])], right=True) for name in USD),
        views.Column("minutes", minutes, right=True),
        views.column("input is", frame["counted"]),
    ]


def _usd(amount: Any) -> str:
    import pandas as pd

    return money(None if pd.isna(amount) else Decimal(str(amount)))

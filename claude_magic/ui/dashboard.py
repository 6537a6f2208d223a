"""What was used, by model, day and notebook?

The charts are an output, which stays, each with its frame folded below it; the lists above choose the period,
what is measured and whose answers count, as practice never adds to what was spent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import frames, limits, settings
from claude_magic.errors import InputError
from claude_magic.ledger.sqlite import TOKENS
from claude_magic.looks import parts as looks
from claude_magic.looks import views
from claude_magic.ui import controls, styles
from claude_magic.ui.paper import Paper, Sheet
from claude_magic.ui.styles import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

PERIODS = {"7 days": 7, "30 days": 30, "90 days": 90, "all": None}
SOURCES = {"Claude": ("live", "batch"), "practice": ("practice",), "replay": ("replay",)}
MOST = 12  # bars of a chart; the rest of the names are one more bar


class Measure(NamedTuple):
    """What a chart shows of a row of a frame, and how it reads."""

    of: Callable[[Any], float | None]
    words: Callable[[float], str]


def _tokens(row: Any) -> float:
    return float(sum(0 if row[name] is None else int(row[name]) for name in TOKENS))


MEASURES: Mapping[str, Measure] = {
    "cost": Measure(lambda row: row["cost_usd"], lambda usd: limits.usd(Decimal(repr(usd)))),
    "tokens": Measure(_tokens, lambda many: f"{many:,.0f}"),
    "calls": Measure(lambda row: float(row["calls"]), lambda many: f"{many:,.0f}"),
}
UNKNOWN = "price unknown"
CHARTS = {"day": "By day (UTC)", "model": "By model", "notebook": "By notebook"}


class UsageDashboard(controls.Panel):
    """Charts of the ledger's calls, with the frame behind each one in `frames` by "day", "model", "notebook".

    `period`, `source` and `measure` are what is chosen; `refresh()` reads the ledger anew.
    """

    def __init__(self, period: str = "30 days", source: str | None = None, measure: str = "cost") -> None:
        self.period, self.measure = period, measure
        self.source = source or ("practice" if settings.practice().value else "Claude")
        self.frames: dict[str, pd.DataFrame] = {}
        self.paper = Paper(self._sheet)
        self._read()

    @property
    def since(self) -> str | None:
        """The first day that counts, None for all."""
        days = PERIODS[self.period]
        return None if days is None else f"{datetime.now(UTC).date() - timedelta(days=days - 1)}"

    def refresh(self) -> None:
        """Read the ledger anew and draw the charts."""
        self._read()
        self.paper.now()

    def _read(self) -> None:
        for by in CHARTS:
            self.frames[by] = frames.usage(by=by, since=self.since, source=SOURCES[self.source])

    def _made(self) -> Any:
        return controls.panel(
            controls.row(
                controls.choice("Period", [*PERIODS], self.period, lambda v: self._chosen("period", v)),
                controls.choice("Answers of", [*SOURCES], self.source, lambda v: self._chosen("source", v)),
                controls.choice("Show", [*MEASURES], self.measure, lambda v: self._chosen("measure", v)),
                controls.button("Refresh", self.refresh, tip="Read the ledger again"),
            )
        )

    def _chosen(self, name: str, value: str) -> None:
        setattr(self, name, value)
        self.refresh()

    # ---- what stays ----------------------------------------------------------------------------------------

    def _sheet(self) -> Sheet:
        rows = _records(self.frames["model"])
        usd = sum(row["cost_usd"] for row in rows if row["cost_usd"] is not None)
        calls, unknown = (sum(row[name] for row in rows) for name in ("calls", "unpriced_calls"))
        models = len({row["model"] for row in rows})
        note = f"and {unknown:,} call{'s' * (unknown > 1)} with {UNKNOWN}" if unknown else ""
        figures = [
            ("cost", UNKNOWN, "") if unknown and not usd else ("cost", _usd(usd), note),
            ("tokens", f"{sum(map(_tokens, rows)):,.0f}", ""),
            ("calls", f"{calls:,}", f"{models} model{'s' * (models != 1)}"),
        ]
        top = "".join(styles.figure(*figure) for figure in figures)
        mark = "" if self.source == "Claude" else self.source
        small = f"Answers of {self.source}, {self._period} · charts show {self.measure}"
        below = f'<div style="margin-top:8px">{styles.quiet(small)}{styles.badge(mark)}</div>'
        head = f"{styles.cards(top)}{below}"
        page = head + styles.cards("".join(self._chart(by) for by in CHARTS), least=320)
        plain = "\n".join(f"{name}: {value} {more}".rstrip() for name, value, more in figures)
        return Sheet(styles.box(page, label="Usage"), f"{small}\n{plain}\n{self._told()}".rstrip())

    @property
    def _period(self) -> str:
        return "all days" if self.since is None else f"since {self.since}"

    def _bars(self, by: str) -> list[Bar]:
        of = MEASURES[self.measure].of
        sums: dict[Any, tuple[float, int]] = {}  # what was asked live and in batches are rows of their own
        for row in _records(self.frames[by]):
            amount, unknown = sums.get(row[by], (0.0, 0))
            sums[row[by]] = (amount + (of(row) or 0.0), unknown + row["unpriced_calls"])
        found = [(_name(by, key), *some) for key, some in sums.items()]
        if by != "day":
            found.sort(key=lambda one: -one[1])
            if len(found) > MOST:
                rest = found[MOST:]
                found[MOST:] = [(f"{len(rest)} others", sum(r[1] for r in rest), sum(r[2] for r in rest))]
        return [Bar(name, amount, self._words(amount, unknown)) for name, amount, unknown in found]

    def _words(self, amount: float, unknown: int) -> str:
        """Return an amount in words; so many calls of it have a price that is not known."""
        known = MEASURES[self.measure].words(amount)
        if self.measure != "cost" or not unknown:
            return known
        return f"{known} + {unknown:,} {UNKNOWN}" if amount else UNKNOWN

    def _chart(self, by: str) -> str:
        frame = self.frames[by]
        found = self._days() if by == "day" else self._bars(by)
        chart = (styles.columns if by == "day" else styles.bars)(found) or styles.quiet("No calls.")
        asked = f'claude_magic.usage(by="{by}", since={self.since!r}, source={SOURCES[self.source]!r})'
        table = looks.source(asked) + _table(frame)
        return f"<div>{styles.heading(CHARTS[by])}{chart}{looks.fold('The numbers', table)}</div>"

    def _days(self) -> list[Bar]:
        """Return a bar for each day from the first with a call to the last, those without one too."""
        found = {bar.name: bar for bar in self._bars("day")}
        if not found:
            return []
        first, last = (datetime.fromisoformat(day).date() for day in (min(found), max(found)))
        days = [f"{first + timedelta(days=n)}" for n in range((last - first).days + 1)]
        nothing = MEASURES[self.measure].words(0.0)
        return [found.get(day) or Bar(day, 0.0, nothing) for day in days]

    def _told(self) -> str:
        """Return the charts as text."""
        lines = (
            f"{CHARTS[by]}: " + ", ".join(f"{b.name} {b.words}" for b in self._bars(by)) for by in CHARTS
        )
        return "\n".join(lines)


def usage(period: str = "30 days", *, source: str | None = None, measure: str = "cost") -> UsageDashboard:
    """Return charts of what was used: `period` "7 days", "30 days", "90 days" or "all".

    `source` is "Claude", "practice" or "replay", by default the mode in force; `measure` "cost", "tokens" or
    "calls". Raises InputError for another word.
    """
    for word, known in ((period, PERIODS), (source, SOURCES), (measure, MEASURES)):
        if word is not None and word not in known:
            raise InputError(
                f"{word!r} is not among {', '.join(known)}", hint=f"Write one of {', '.join(known)}."
            )
    return UsageDashboard(period, source, measure)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dicts, with None for what is missing."""
    rows: Any = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return list(rows)


def _name(by: str, value: Any) -> str:
    """Return what stands beside a bar: a notebook without its folders, which are nobody else's business."""
    import pandas as pd

    if pd.isna(value) or value == "":
        return "not known"
    if by == "day":
        return f"{value:%Y-%m-%d}"
    return PureWindowsPath(value).name if by == "notebook" else str(value)


def _usd(amount: float) -> str:
    return limits.usd(Decimal(repr(float(amount))))


def _table(frame: pd.DataFrame) -> str:
    """Return the columns of a frame that say something."""
    return views.page([_column(str(name), frame[name]) for name in frame if views.says(frame[name])])


def _column(name: str, values: pd.Series[Any]) -> views.Column:
    if name == "cost_usd":
        exact = values.astype(object).map(lambda usd: Decimal(repr(usd)), na_action="ignore")
        return views.money("cost (USD)", exact, total=True)
    if name == "notebook":
        return views.column(name, values.map(lambda path: _name(name, path)))
    return views.column(name, values.round(2) if name == "latency_s" else values)

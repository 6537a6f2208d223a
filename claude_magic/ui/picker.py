"""Which model shall answer in this notebook?

What the models can do and cost is an output, which stays; the lists above it choose. The choice is the same
setting as that of `%claude model`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import frames, settings
from claude_magic.looks.readout import dollars
from claude_magic.protocol import catalog
from claude_magic.ui import controls, hooks, styles
from claude_magic.ui.paper import Paper, Sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_magic.api.client import Client

ANY = "anything"


class Row(NamedTuple):
    """A model as it is shown; None or "" where something is not known. Dates are ISO texts."""

    id: str
    name: str
    line: str
    status: str
    context: int | None
    most: int | None
    price_in: float | None
    price_out: float | None
    abilities: tuple[str, ...]
    unknown: tuple[str, ...]
    retires: str
    not_before: str

    @property
    def price(self) -> str:
        """What a million tokens cost."""
        if self.price_in is None or self.price_out is None:
            return "price unknown"
        given, made = (dollars(Decimal(repr(usd))) for usd in (self.price_in, self.price_out))
        return f"{given} in · {made} out"

    @property
    def size(self) -> str:
        """How much goes in and comes out, in tokens."""
        parts = [f"{short(self.context)} context"] if self.context else []
        return " · ".join([*parts, *([f"{short(self.most)} out"] if self.most else [])])

    @property
    def end(self) -> str:
        """How long it will be there."""
        if self.status == "retired":
            return f"retired {self.retires or ''}".rstrip()
        old = "deprecated" if self.status == "deprecated" else ""
        over = self.not_before < f"{datetime.now(UTC):%Y-%m-%d}"
        until = "may retire any day" if over else f"until {self.not_before} at least"
        left = f"retires {self.retires}" if self.retires else until if self.not_before else ""
        return ", ".join(part for part in (old, left) if part)


# what a model may be able to do -> how the catalogue says it, None where it is not known
ABILITIES: Mapping[str, Callable[[catalog.Model], Any]] = {
    "pictures": lambda m: "image" in m.input_modalities,
    "PDF": lambda m: "pdf" in m.input_modalities,
    "thinking": lambda m: _thinks(m),
    "effort": lambda m: m.effort_levels or m.default_effort or (None if m.thinking is None else False),
    "structured output": lambda m: m.structured_outputs,
    "batches": lambda m: m.batch,
    "fast mode": lambda m: m.fast is not None,
}


class ModelPicker(controls.Panel):
    """Every model with its context size, price, abilities and retirement, and lists to choose one with.

    `rows` are the models; `model` is the one in use.
    """

    def __init__(self, client: Client | None = None) -> None:
        frame = frames.models(client)
        self.note = str(frame.attrs.get("note", ""))
        self.rows = [_row(record) for record in frame.reset_index().to_dict("records")]
        self.line, self.ability, self.word, self.old = ANY, ANY, "", False
        self.paper = Paper(self._sheet)

    @property
    def model(self) -> str:
        """The model in use."""
        return str(settings.model().value)

    def found(self) -> list[Row]:
        """Return the models that the filters leave."""
        words = self.word.lower().split()
        return [
            row
            for row in self.rows
            if (self.old or row.status not in ("retired", "deprecated") or row.id == self.model)
            and self.line in (ANY, row.line)
            and (self.ability == ANY or self.ability in (*row.abilities, *row.unknown))
            and all(word in f"{row.id} {row.name} {row.line}".lower() for word in words)
        ]

    def use(self, model: str) -> None:
        """Have a model answer in this notebook from now on."""
        settings.use("model", model)
        self.refresh()

    def refresh(self) -> None:
        """Show what the filters leave, and the model in use."""
        if self._panel is not None:
            self._offer()
        self.paper.now()

    # ---- controls ------------------------------------------------------------------------------------------

    def _made(self) -> Any:
        lines = [ANY, *dict.fromkeys(row.line for row in self.rows)]
        self._choice = controls.choice("Model", self._options(), self.model, self._chosen)
        self._choice.layout.max_width = "min(100%, 640px)"
        self._filling = False
        hooks.on_cell("post_run_cell", self.refresh)
        return controls.panel(
            controls.row(self._choice),
            controls.row(
                controls.entry("Search", lambda word: self._filter("word", word), hint="name or id"),
                controls.choice("Line", lines, ANY, lambda line: self._filter("line", line)),
                controls.choice("Able to do", [ANY, *ABILITIES], ANY, lambda a: self._filter("ability", a)),
                controls.switch("deprecated and retired too", lambda old: self._filter("old", old)),
            ),
        )

    def _filter(self, name: str, value: Any) -> None:
        setattr(self, name, value)
        self.refresh()

    def _options(self) -> list[tuple[str, str]]:
        """Return what can be chosen: what the filters leave, and always the model in use."""
        rows = {row.id: f"{row.name} · {row.price}" for row in self.found()}
        return [(words, name) for name, words in ({self.model: self.model} | rows).items()]

    def _offer(self) -> None:
        self._filling = True
        try:
            if self._choice.options != tuple(options := self._options()):
                self._choice.options = options
            self._choice.value = self.model
        finally:
            self._filling = False

    def _chosen(self, model: str) -> None:
        if not self._filling and model and model != self.model:
            self.use(model)

    # ---- what stays ----------------------------------------------------------------------------------------

    def _sheet(self) -> Sheet:
        found, now = self.found(), self.model
        source = settings.model().source
        groups: dict[str, list[Row]] = {}
        for row in found:
            groups.setdefault(row.line, []).append(row)
        lists = "".join(
            styles.heading(line) + "".join(_html(row, now) for row in rows) for line, rows in groups.items()
        )
        top = f"<div>In use: <b>{styles.text(now)}</b> ({styles.text(source)})</div>"
        small = "Prices are USD per million tokens. "
        nothing = "" if found else styles.quiet("No model fits the filters.")
        page = styles.box(top + lists + nothing + styles.quiet(small + self.note), label="Models")
        lines = [
            f"{'*' if row.id == now else ' '} {row.id}  {row.size}  {row.price}  {row.end}".rstrip()
            for row in found
        ]
        return Sheet(page, "\n".join([f"In use: {now} ({source})", *lines, self.note]).rstrip())


def models(client: Client | None = None) -> ModelPicker:
    """Return a picker of the model for this notebook, of what the service lists and the catalogue knows."""
    return ModelPicker(client)


def short(tokens: int) -> str:
    """Return a number of tokens as "200k" or "1M"."""
    if tokens >= 1_000_000:
        return f"{round(tokens / 1_000_000, 1):g}M"
    return f"{round(tokens / 1000, 1):g}k" if tokens >= 1000 else str(tokens)


def _row(record: Mapping[Any, Any]) -> Row:
    import pandas as pd

    facts = {str(k): v for k, v in record.items() if v is not None and not pd.isna(v)}
    name = str(facts["id"])
    known = catalog.find(name)
    can = {word: able(known) if known else None for word, able in ABILITIES.items()}
    return Row(
        name,
        str(facts.get("display_name") or name),
        str(facts.get("line") or "others"),
        str(facts.get("status") or ""),
        facts.get("context_window"),
        facts.get("max_output_tokens"),
        facts.get("input_usd"),
        facts.get("output_usd"),
        tuple(word for word, is_so in can.items() if is_so),
        tuple(word for word, is_so in can.items() if is_so is None),
        f"{facts['retires']:%Y-%m-%d}" if "retires" in facts else "",
        (known and known.retires_not_before) or "",
    )


def _html(row: Row, now: str) -> str:
    used = f" {styles.chip('in use')}" if row.id == now else ""
    cells = (
        ("2 1 210px", f"<b>{styles.text(row.name)}</b>{used}{styles.quiet(row.id)}"),
        ("1 1 150px", f"{styles.text(row.price)}{styles.quiet(row.size)}"),
        ("2 1 250px", styles.quiet(" · ".join(row.abilities)) + styles.quiet(_unknown(row))),
        ("1 1 170px", _end(row)),
    )
    made = "".join(f'<div style="flex:{flex};min-width:0">{inside}</div>' for flex, inside in cells)
    rule = "border-top:1px solid #ddd;border-color:var(--jp-border-color2,#ddd)"
    return f'<div style="display:flex;flex-wrap:wrap;gap:2px 12px;padding:5px 0;{rule}">{made}</div>'


def _unknown(row: Row) -> str:
    return f"not known: {', '.join(row.unknown)}" if row.unknown else ""


def _thinks(model: catalog.Model) -> bool | None:
    if model.thinking is None:  # how it is shown is said of those that think
        return True if model.thinking_display_default else None
    return any(model.thinking.get(kind) for kind in ("adaptive", "enabled"))


def _end(row: Row) -> str:
    return styles.badge(row.end) if row.status in ("deprecated", "retired") else styles.quiet(row.end)

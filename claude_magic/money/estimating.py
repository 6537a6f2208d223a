"""What will the cells of a notebook take and cost, before any of them runs?

The cells are read from the file in order, with what they set (`%claude model opus`, `%claude reset`, …).
Values that the running kernel has are taken as they are; what is not known is named.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings
from claude_magic.errors import ClaudeError, printable
from claude_magic.grammar.cell import Ask, CommandCall, OverRows
from claude_magic.grammar.flagvalues import KINDS
from claude_magic.grammar.words import short
from claude_magic.money import notebookfile
from claude_magic.money.foreseen import Foreseen
from claude_magic.prompts import private
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from decimal import Decimal

    import pandas as pd

    from claude_magic.api.client import Client

ASKING = ("fix", "explain", "continue")  # commands that ask a model what only running shows
TOTAL = "total"
_CONFIG = re.compile(r"ClaudeMagics\.(\w+)\s*=\s*(.+)")


class Row(NamedTuple):
    """One question of a cell for one model; `unknown` says in words what the figures leave out."""

    cell: int | str
    words: str
    model: str | None = None
    input_tokens: int | None = None
    max_tokens: int | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    counted: str = ""
    unknown: str = ""


def estimate(
    path: str | os.PathLike[str], names: Mapping[str, Any] | None = None, client: Client | None = None
) -> pd.DataFrame:
    """Return what each question of a notebook would take and cost in USD, and the total, without asking.

    The index is the number a cell has when all are run in order. A row is for an answer of no tokens (low) to
    one of `max_tokens` (high); recorded answers cost 0. `names` are the values known, those of this notebook
    in IPython. Raises InputError for what is no notebook.
    """
    import pandas as pd

    file = Path(path).expanduser()
    before = dict(settings.session)
    reading = _Reading(Foreseen(file, _names() if names is None else names, client))
    try:
        for one in notebookfile.read(file):
            reading.read(one)
    finally:
        settings.session.clear()
        settings.session.update(before)
    frame = pd.DataFrame([*map(_shown, reading.rows), _total(reading.rows)], columns=Row._fields)
    return frame.astype(dict.fromkeys(("input_tokens", "max_tokens"), "Int64")).set_index("cell")


def _names() -> dict[str, Any]:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    hidden = getattr(shell, "user_ns_hidden", {})
    names = getattr(shell, "user_ns", {})
    return {k: v for k, v in names.items() if k not in hidden or hidden[k] is not v}


def _shown(row: Row) -> Row:
    """Return a row as it is shown: few words, without keys, secrets and terminal escapes (K1, O4)."""
    words, unknown = (printable(private.without_secrets(text)) for text in (row.words, row.unknown))
    return row._replace(words=short(" ".join(words.split()), 40), unknown=unknown)


def _total(rows: list[Row]) -> Row:
    known = [row for row in rows if row.high is not None]
    without, partly = len(rows) - len(known), sum(bool(row.unknown) for row in known)
    told = [
        f"{without} of {len(rows)} not priced" if without else "",
        f"{partly} only in part" if partly else "",
    ]
    return Row(
        TOTAL,
        "",
        input_tokens=sum(row.input_tokens or 0 for row in rows),
        max_tokens=sum(row.max_tokens or 0 for row in rows),
        low=catalog.added(row.low for row in known),
        high=catalog.added(row.high for row in known),
        unknown="; ".join(part for part in told if part),
    )


class _Reading:
    """A notebook being read from its first cell to its last."""

    def __init__(self, foreseen: Foreseen) -> None:
        self.foreseen, self.rows = foreseen, list[Row]()
        self.aliases = dict(settings.aliases())

    def read(self, one: notebookfile.Cell) -> None:
        """Add the rows of a cell."""
        found = notebookfile.code(one.source)
        if found is None:
            if "%claude" in one.source:
                self._unread(one.number, one.source, "not Python, so it cannot be read")
            return
        self.foreseen.made |= found.names
        for name in found.calls:
            rows = "; claude_magic.estimate(df, …) prices rows" if notebookfile.is_over_rows(name) else ""
            self._unread(one.number, f"{name}(…)", f"called from Python, so it is not priced{rows}")
        for magic in found.magics:
            if magic.name == "claude":
                self._magic(one.number, magic)
            elif magic.name == "config" and (option := _CONFIG.match(magic.line)):
                _set(option[1], option[2].strip("\"' "))

    def _unread(self, number: int, words: str, why: str) -> None:
        self.rows.append(Row(number, words, unknown=why))

    def _magic(self, number: int, magic: notebookfile.Magic) -> None:
        line, body = magic.line, magic.body
        try:
            asked = notebookfile.asked(magic, self.aliases)
            if isinstance(asked, CommandCall):
                self._command(number, asked)
            elif isinstance(asked, OverRows) and not asked.ask.dry_run:
                self._unread(number, f"%%claude {line}", "over rows: add --dry-run to see what they cost")
            elif isinstance(asked, Ask) and not asked.dry_run:
                self._ask(number, asked, magic.where)
        except ClaudeError as error:
            self._unread(number, body or line, f"an error: {error.message}")

    def _ask(self, number: int, asked: Ask, where: str) -> None:
        told = [f"{where}: counted once"] if where else []
        costs = self.foreseen.costs(asked, told)
        words, unknown = asked.prompt or " ".join(asked.attach), "; ".join(dict.fromkeys(told))
        for cost in costs:
            figures = (cost.model, cost.input_tokens, cost.max_tokens, cost.low, cost.high, cost.counted)
            self.rows.append(Row(number, words, *figures, unknown))

    def _command(self, number: int, call: CommandCall) -> None:
        """Take in what a command changes for the cells after it."""
        words, said = call.args, self.foreseen.said
        if call.name in ASKING:
            self._unread(number, f"%claude {call.name} {call.rest}", "depends on what happens before")
        elif call.name == "system" and words:
            _set("system", "" if call.rest == "off" else call.rest)
        elif call.name == "config" and len(words) > 1:
            _set(words[0].replace("-", "_"), call.rest.partition(" ")[2].strip("\"' "))
        elif call.name == "alias" and len(words) == 2:
            self.aliases[words[0]] = catalog.resolve(words[1])
        elif call.name == "reset" and call.rest == "all":
            said.clear()
        elif call.name == "reset":
            said.pop(call.rest or str(settings.option("thread").value), None)
        elif call.name in SETS and words:
            for name, value in zip(SETS[call.name], words, strict=False):
                _set(name, value)


SETS = {"model": ("model",), "switch": ("thread",), "replay": ("replay", "cassette")}
"""Commands whose words are settings."""


def _set(name: str, value: str) -> None:
    """Have a setting as the notebook sets it; where it cannot be set so, the cell will say it."""
    row = settings.OPTIONS.get(name)
    if row is None:
        return
    with contextlib.suppress(ClaudeError, ValueError):
        settings.use(name, KINDS["count"][0](value) if row.kind == "count" else value)

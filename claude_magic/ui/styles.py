"""What do meters, charts and cards look like?

Colours are the theme's; each stands behind a plain one, as an output that is not trusted keeps only that.
Charts are boxes with a width: an untrusted notebook keeps those, and drops SVG. What a colour says is said in
words too.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.errors import printable
from claude_magic.looks.parts import BOX, PILL, QUIET

if TYPE_CHECKING:
    from collections.abc import Sequence

FONT = "font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif)"
TEXT = f"{FONT};color:var(--jp-ui-font-color1,inherit)"
WRAP = "overflow-wrap:break-word;word-break:normal"
NUMBERS = "font-variant-numeric:tabular-nums"
LINES = "display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline"
HEADING = f"{TEXT};font-weight:600;margin:14px 0 4px"
BIG = "font-size:20px;line-height:1.3;font-weight:600"
TRACK = "background-color:#e0e0e0;background-color:var(--jp-border-color2,#e0e0e0)"
COLOURS = {
    "plain": "background-color:#1976d2;background-color:var(--jp-brand-color1,#1976d2)",
    "good": "background-color:#388e3c;background-color:var(--jp-success-color1,#388e3c)",
    "amber": "background-color:#f57c00;background-color:var(--jp-warn-color1,#f57c00)",
    "red": "background-color:#d32f2f;background-color:var(--jp-error-color1,#d32f2f)",
    "quiet": "background-color:#9e9e9e;background-color:var(--jp-ui-font-color3,#9e9e9e)",
}
CHIP = (
    "border:1px solid #1976d2;border-color:var(--jp-brand-color1,#1976d2);border-radius:8px;padding:0 7px;"
    "font-size:11px;font-weight:normal;white-space:nowrap"
)
HIGH = 72  # pixels of the highest column


class Bar(NamedTuple):
    """One bar of a chart: what it is for, how much it is, and that in words."""

    name: str
    amount: float
    words: str


def text(said: object) -> str:
    """Return a text as HTML in which nothing is more than text."""
    return html.escape(printable(str(said)))


def box(inside: str, *, label: str = "") -> str:
    """Return HTML in the box that all of ours is in; nothing of it is painted outside."""
    named = f' role="group" aria-label="{text(label)}"' if label else ""
    return f'{BOX}{named}><div style="{TEXT};{WRAP};padding:2px 4px">{inside}</div></div>'


def badge(said: str) -> str:
    """Return a small mark, such as "practice"."""
    return f'<span style="{PILL}">{text(said)}</span>' if said else ""


def chip(said: str) -> str:
    """Return a small mark of what is chosen."""
    return f'<span style="{CHIP}">{text(said)}</span>'


def quiet(said: str) -> str:
    """Return a line of small print."""
    return f'<div style="{QUIET};{NUMBERS}">{text(said)}</div>' if said else ""


def heading(said: str, more: str = "") -> str:
    """Return a heading; `more` is HTML beside it."""
    return f'<div role="heading" aria-level="4" style="{HEADING}">{text(said)} {more}</div>'


def figure(name: str, value: str, note: str = "") -> str:
    """Return one large figure with what it is above and small print below."""
    return (
        f'<div><div style="{QUIET}">{text(name)}</div>'
        f'<div style="{BIG};{NUMBERS};overflow-wrap:normal">{text(value)}</div>{quiet(note)}</div>'
    )


def cards(figures: str, *, least: int = 150) -> str:
    """Return figures side by side, as many as there is room for, each `least` pixels wide."""
    grid = f"display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,{least}px),1fr))"
    return f'<div style="{grid};gap:12px 20px">{figures}</div>'


def bar(share: float, colour: str = "plain", *, height: int = 8) -> str:
    """Return a bar that is full to a share (0 to 1); what it says must stand beside it in words."""
    width = min(max(share, 0.0), 1.0) * 100
    full = f'<div style="width:{width:.1f}%;height:{height}px;border-radius:4px;{COLOURS[colour]}"></div>'
    return f'<div style="height:{height}px;border-radius:4px;margin:3px 0;{TRACK}">{full}</div>'


def filled(share: float) -> str:
    """Return the colour of what is used up: amber from three quarters, red from nine tenths."""
    return "red" if share >= 0.9 else "amber" if share >= 0.75 else "good"


def bars(rows: Sequence[Bar]) -> str:
    """Return a chart of bars that lie, a row for each name."""
    most = max((row.amount for row in rows), default=0) or 1
    made = "".join(
        f'<div style="margin:4px 0"><div style="{LINES};flex-wrap:nowrap;justify-content:space-between">'
        f'<span style="overflow-wrap:anywhere">{text(row.name)}</span> '
        f'<span style="{NUMBERS};white-space:nowrap">{text(row.words)}</span></div>'
        f"{bar(row.amount / most)}</div>"
        for row in rows
    )
    return f'<div style="max-width:640px">{made}</div>' if rows else ""


def columns(rows: Sequence[Bar]) -> str:
    """Return a chart of bars that stand side by side, with the first name, the last, and the highest."""
    if not rows:
        return ""
    most = max(rows, key=lambda row: row.amount)
    made = "".join(
        f'<div title="{text(row.name)}: {text(row.words)}" style="flex:1 1 0;min-width:2px;max-width:36px;'
        f"height:{max(row.amount / (most.amount or 1) * HIGH, 1 if row.amount else 0):.0f}px;"
        f'border-radius:2px 2px 0 0;{COLOURS["plain"]}"></div>'
        for row in rows
    )
    last = f" <span>{text(rows[-1].name)}</span>" if len(rows) > 1 else ""
    said = f"Chart of {len(rows)} day{'s' * (len(rows) > 1)}; the highest is {most.name} with {most.words}"
    return (
        f'<div style="max-width:640px"><div role="img" aria-label="{text(said)}" style="display:flex;gap:2px;'
        f'align-items:flex-end;height:{HIGH}px;border-bottom:1px solid var(--jp-border-color1,#bbb)">{made}'
        f'</div><div style="{QUIET};{LINES};justify-content:space-between">'
        f"<span>{text(rows[0].name)}</span>{last}</div>{quiet(f'most: {most.words} on {most.name}')}</div>"
    )

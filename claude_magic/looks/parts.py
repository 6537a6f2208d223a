"""What do the parts of an answer look like?

Colours are the notebook's own, so that they fit its theme. Nothing here is a class or an id of its own.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.looks.markup import LINK, PRE
from claude_magic.prompts.citing import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from claude_magic.prompts.citing import Note

GREY = "color:var(--jp-ui-font-color2,#767676)"
QUIET = f"{GREY};font:12px/1.5 var(--jp-ui-font-family,system-ui,sans-serif)"
LINE = f"{QUIET};margin-top:6px;overflow-wrap:anywhere;word-break:normal;font-variant-numeric:tabular-nums"
PILL = (
    "border:1px solid var(--jp-warn-color1,#b26a00);color:var(--jp-ui-font-color1,inherit);border-radius:8px;"
    "padding:0 7px;font-size:11px;white-space:nowrap"
)
BUTTON = (
    "font:12px var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,#222);"
    "background:var(--jp-layout-color2,#eee);border:1px solid var(--jp-border-color1,#bbb);border-radius:3px;"
    "padding:2px 10px;margin:2px 0;cursor:pointer"
)
WORDS = f"{PRE};line-height:inherit;font-family:var(--jp-content-font-family,system-ui,sans-serif)"
COUNTS = f"{GREY};font-size:12px;margin-top:6px;font-variant-numeric:tabular-nums"
TAG = "border:1px solid;border-radius:8px;padding:0 7px"
DIM = f"{GREY};max-height:9em;overflow:hidden"

# contain: whatever the content asks for, nothing is painted outside this box; what is wider scrolls in it.
# mathjax_ignore: a "$0.01" here and a "$" there are not a formula.
BOX = '<div class="claude-magic mathjax_ignore tex2jax_ignore" style="contain:content;overflow:auto"'

BOX_OF_TABLE = f'{BOX} tabindex="0" role="group" aria-label="Table">'
"""A box that scrolls, if need be, by keyboard too: what is in it takes no focus of its own."""

FOLD = "margin:2px 0 6px"
INSIDE = "margin:2px 0 6px 4px;padding-left:10px;border-left:2px solid var(--jp-border-color2,#ccc)"
RULE = "border-top:1px solid var(--jp-border-color3,#ddd);margin:4px 0"
SOURCE = f"{PRE};font:12px/1.45 var(--jp-code-font-family,monospace);max-height:24em;overflow:auto"


def reach(page: str) -> str:
    """Return what a box needs around a page that may be wider, so that it scrolls by keyboard too."""
    return ' tabindex="0"' if "<table" in page else ""


def line(text: str, badge: str | None, note: str = "") -> str:
    """Return the quiet line under an answer, the badge as a pill at its end."""
    facts = " · ".join(p for p in (note, text.removesuffix(f" · {badge}") if badge else text) if p)
    pill = f' <span style="{PILL}">{html.escape(badge)}</span>' if badge else ""
    return f'<div style="{LINE}">{html.escape(facts)}{pill}</div>' if facts or pill else ""


def stop(label: str) -> str:
    """Return a button that interrupts the kernel, for an output that is not redrawn while it is there.

    A press of 150 ms on a button that is redrawn at 10 Hz is lost, and so is the focus.
    """
    return (
        f'{BOX}><button type="button" data-commandlinker-command="notebook:interrupt-kernel" '
        f'data-commandlinker-args="{{}}" aria-label="{html.escape(label)}" style="{BUTTON}" '
        'title="Interrupt the kernel, as ■ in the toolbar does">■ Stop</button></div>'
    )


def below() -> str:
    """Return a sentence that says where code went, and a press on which goes there in JupyterLab."""
    return (
        f'{BOX}><button type="button" data-commandlinker-command="notebook:move-cursor-down" '
        f'data-commandlinker-args="{{}}" style="{QUIET};background:none;border:0;padding:0;cursor:pointer;'
        'text-decoration:underline">The code is in the cell below.</button></div>'
    )


def fold(summary: str, inside: str) -> str:
    """Return HTML that is shown when its summary, a text, is opened."""
    words = html.escape(printable(summary))
    return (
        f'<details style="{FOLD}"><summary style="{QUIET};margin:0;cursor:pointer">{words}</summary>'
        f'<div style="{INSIDE}">{inside}</div></details>'
    )


def thoughts(thinking: str) -> str:
    """Return what a model thought, folded; "" for nothing."""
    if not thinking:
        return ""
    return fold("Thinking", f'<pre style="{WORDS};{QUIET}">{html.escape(printable(thinking))}</pre>')


def source(text: str) -> str:
    """Return a text as it is, to be read like code."""
    return f'<pre style="{SOURCE}">{html.escape(printable(text))}</pre>'


def notes(found: Sequence[Note]) -> str:
    """Return the passages that an answer cites, in a line each."""
    return f'<div style="{LINE}">{"".join(map(_note, found))}</div>' if found else ""


def _note(note: Note) -> str:
    about = html.escape(printable(", ".join(part for part in (note.title, note.where) if part)))
    if note.url and LINK.fullmatch(note.url):
        about = f'<a href="{html.escape(note.url)}" rel="noopener noreferrer" target="_blank">{about}</a>'
    quoted = html.escape(printable(note.text))
    return f"<div>{note.mark}{BETWEEN}{about}{': ' if about else ''}<q>{quoted}</q></div>"


def display(
    bundle: Mapping[str, str], metadata: Mapping[str, Any], handle: str = "", update: bool = False
) -> None:
    """Show a bundle; with a `handle` it can be shown anew in its place."""
    from IPython.display import display as show

    named: dict[str, Any] = {"display_id": handle} if handle else {}
    if update:
        named["update"] = True
    show(dict(bundle), raw=True, metadata=dict(metadata), **named)  # type: ignore[no-untyped-call]

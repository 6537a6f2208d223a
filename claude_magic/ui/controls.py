"""What does one press or choose with?

Each control has a name that is read out, and is as wide as its row has room for. They hold nothing that a
reader needs later, and never a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.looks import parts as looks
from claude_magic.ui.paper import is_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INSTEAD = "Controls: run this cell to use them."
STYLE = """<style>
.claude-magic-controls button:focus-visible, .claude-magic-controls select:focus-visible,
.claude-magic-controls input:focus-visible, .claude-magic-controls textarea:focus-visible {
  outline: 2px solid var(--jp-ui-font-color1, #111) !important; outline-offset: -3px }
.claude-magic-controls .widget-label { color: var(--jp-ui-font-color1, inherit) }
.claude-magic-controls button:disabled { opacity: 0.55 }
</style>"""
NAMES_WIDTH = "initial"  # of the words before a control: as long as they are


def shown(widget: Any) -> None:
    """Show controls where somebody can use them."""
    if widget is not None and is_watched():
        looks.display({**widget._repr_mimebundle_(), "text/plain": INSTEAD}, {})


def row(*widgets: Any) -> Any:
    """Return controls in a row, which breaks where it is narrow."""
    import ipywidgets as w

    return w.Box(widgets, layout=w.Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 8px"))


def panel(*rows: Any) -> Any:
    """Return rows of controls below each other."""
    import ipywidgets as w

    style = w.HTML(STYLE, layout=w.Layout(display="none"))
    made = w.VBox([style, *rows], layout=w.Layout(width="100%", grid_gap="4px", padding="2px 4px"))
    made.add_class("claude-magic-controls")
    return made


def button(words: str, press: Callable[[], None], *, tip: str = "", look: str = "") -> Any:
    """Return a button; `look` is "primary", "warning" or "danger"."""
    import ipywidgets as w

    made = w.Button(
        description=words, tooltip=tip or words, button_style=look, layout=w.Layout(width="auto", margin="0")
    )
    made.on_click(lambda _: press())
    return made


def choice(name: str, options: Sequence[Any], value: Any, chosen: Callable[[Any], None]) -> Any:
    """Return a list to choose one of."""
    import ipywidgets as w

    made = w.Dropdown(description=name, options=options, value=value, **_wide("13em"))
    made.observe(lambda change: chosen(change["new"]), "value")
    return made


def entry(name: str, written: Callable[[str], None], *, hint: str = "") -> Any:
    """Return a line to write in; `written` hears of each change."""
    import ipywidgets as w

    made = w.Text(description=name, placeholder=hint, **_wide("13em"))
    made.observe(lambda change: written(change["new"]), "value")
    return made


def area(name: str, *, hint: str = "", rows: int = 3, value: str = "") -> Any:
    """Return lines to write in."""
    import ipywidgets as w

    made = w.Textarea(value, description=name, placeholder=hint, rows=rows, **_wide("20em"))
    made.layout.width = "100%"
    return made


def switch(name: str, changed: Callable[[bool], None], *, value: bool = False) -> Any:
    """Return a box to tick."""
    import ipywidgets as w

    made = w.Checkbox(
        value, description=name, indent=False, layout=w.Layout(width="auto", margin="0 8px 0 0")
    )
    made.observe(lambda change: changed(change["new"]), "value")
    return made


def _wide(basis: str) -> dict[str, Any]:
    import ipywidgets as w

    layout = w.Layout(width="auto", flex=f"1 1 {basis}", max_width="100%", margin="0")
    return {"layout": layout, "style": {"description_width": NAMES_WIDTH}}

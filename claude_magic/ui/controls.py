"""What does one press or choose with?

Each control has a name that is read out, and is as wide as its row has room for. They hold nothing that a
reader needs later, and never a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.looks import parts as looks
from claude_magic.ui.paper import is_watched, page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claude_magic.ui.paper import Paper

INSTEAD = "Controls: run this cell to use them."
ANEW = "The page was opened anew since this cell ran: run it again to see what changes."
STYLE = """<style>
.claude-magic-controls button:focus-visible, .claude-magic-controls select:focus-visible,
.claude-magic-controls input:focus-visible, .claude-magic-controls textarea:focus-visible {
  outline: 2px solid var(--jp-ui-font-color1, #111) !important; outline-offset: -3px }
.claude-magic-controls input[type=checkbox]:focus-visible { outline-offset: 1px !important }
.claude-magic-controls .widget-label { color: var(--jp-ui-font-color1, inherit) }
.claude-magic-controls button:disabled { opacity: 0.55 }
</style>"""
NAMES_WIDTH = "initial"  # of the words before a control: as long as they are


class Panel:
    """Shows its controls, where somebody can use them, and below them its paper, which stays."""

    paper: Paper
    _panel: Any = None

    def _ipython_display_(self) -> None:
        if self._panel is None and is_watched():
            self._panel = self._made()
        shown(self._panel)
        self.paper.show()

    def __repr__(self) -> str:
        return self.paper.text

    def _made(self) -> Any:
        """Return the controls; None for none."""


def shown(widget: Any) -> None:
    """Show controls where somebody can use them."""
    if widget is not None and is_watched():
        widget.page = page()
        widget.look()
        looks.display({**widget._repr_mimebundle_(), "text/plain": INSTEAD}, {})


def row(*widgets: Any) -> Any:
    """Return controls in a row, which breaks where it is narrow."""
    import ipywidgets as w

    return w.Box(widgets, layout=w.Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 8px"))


def panel(*rows: Any) -> Any:
    """Return rows of controls below each other, and a line for who uses them in a page opened anew."""
    import ipywidgets as w

    style, anew = (w.HTML(said, layout=w.Layout(display="none")) for said in (STYLE, ANEW))
    made = w.VBox([style, *rows, anew], layout=w.Layout(width="100%", grid_gap="4px", padding="2px 4px"))
    made.add_class("claude-magic-controls")

    def look(*_: Any) -> None:
        anew.layout.display = "" if is_anew(made) else "none"

    made.page, made.look = page(), look
    for control in (one for row in rows for one in row.children):
        if isinstance(control, w.Button):
            control.on_click(look)
        else:
            control.observe(look, "value")
    return made


def is_anew(panel: Any) -> bool:
    """Say whether the page was opened anew since controls were shown: what they change is not seen there."""
    return panel is not None and panel.page != page()


def button(words: str, press: Callable[[], None], *, tip: str = "", look: str = "") -> Any:
    """Return a button; `look` is "primary" for the one that is pressed most."""
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

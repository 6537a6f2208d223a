"""How is a key entered by pressing a button?

The button opens the hidden prompt of `%claude login` in the cell that shows it. The key goes from there into
its file or the keyring: it is never in a widget, whose state a notebook may save (K3).
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.cells import reports
from claude_magic.errors import ClaudeError, ConfigError
from claude_magic.grammar.cell import CommandCall
from claude_magic.talk import current
from claude_magic.ui import controls, hooks, styles
from claude_magic.ui.paper import Paper, Sheet

if TYPE_CHECKING:
    from contextvars import Context

PLACES = {"file": "a file that only you can read", "keyring": "the system's keyring"}
TYPE_IT = "Type %claude login in a cell."


class Login(controls.Panel):
    """Says which keys are in force, and has buttons to enter one, to forget them, and for practice."""

    def __init__(self) -> None:
        self.place, self.said = "file", ""
        self.paper = Paper(self._sheet)
        self._cell: Context | None = None

    def _ipython_display_(self) -> None:
        self._cell = copy_context()
        super()._ipython_display_()

    def _made(self) -> Any:
        hooks.on_cell("post_run_cell", self.refresh)
        places = [(words, name) for name, words in PLACES.items()]
        self._practice = controls.switch("practice: no key, no cost", self._practise, value=_practising())
        return controls.panel(
            controls.row(
                controls.button("Enter API key", lambda: self.enter(self.place), look="primary"),
                controls.button("Enter admin key", lambda: self.enter("admin"), tip="For %claude admin"),
                controls.button("Forget keys", lambda: self.enter("forget"), tip="As %claude logout does"),
                controls.choice("Keep it in", places, self.place, self._keep_in),
                self._practice,
            )
        )

    def _keep_in(self, place: str) -> None:
        self.place = place

    def _practise(self, on: bool) -> None:
        if on != _practising():
            settings.use("practice", on)
        self.said = ""  # it was of the mode before
        self.refresh()

    def refresh(self) -> None:
        """Show what is in force now."""
        if self._panel is not None:
            self._practice.value = _practising()
        self.paper.now()

    def enter(self, what: str) -> None:
        """Do what `%claude login` does with a word: "file", "keyring", "admin" or "forget"."""
        from claude_magic.cells import commands

        self.said = "" if what == "forget" else "Type the key into the box below, then press Enter."
        self.paper.now()
        try:
            where = self._where()
            self.said = where.run(commands.RUN["login"], None, CommandCall("login", [what], what))
        except ClaudeError as error:
            self.said = f"{error.message}. {error.hint or ''}".strip()
        except KeyboardInterrupt:
            self.said = "Nothing was entered."
        self.refresh()

    def _where(self) -> Context:
        """Return the context of the cell that shows the button: the prompt opens there.

        Raises ConfigError where it would open nowhere, and the kernel would wait for ever.
        """
        if self._cell is None or not _prompts_by_context():
            raise ConfigError("A button cannot ask for a key here", hint=TYPE_IT)
        if controls.is_anew(self._panel):
            raise ConfigError(
                "The page was opened anew since this cell ran", hint="Run the cell again, then press."
            )
        return self._cell.copy()

    def _sheet(self) -> Sheet:
        lines = [_key(), f"Admin key: {reports.admin_key()[0]}", f"Answers: {_answers()}"]
        told = "".join(f"<div>{styles.text(line)}</div>" for line in lines)
        said = f'<div role="status" style="margin-top:4px"><b>{styles.text(self.said)}</b></div>'
        return Sheet(
            styles.box(told + (said if self.said else ""), label="Login"),
            "\n".join([*lines, *([self.said] if self.said else [])]),
        )


def login() -> Login:
    """Return buttons to enter an API key or an admin key without showing it, and to forget them."""
    return Login()


def _key() -> str:
    try:
        found = settings.credential()
    except ClaudeError as error:
        return f"API key: {error.message}"
    return f"API key: {found.source if found else 'none'}"


def _practising() -> bool:
    return bool(settings.practice().value)


def _answers() -> str:
    if _practising():
        return "made by rule on this machine (practice); nothing is charged"
    try:
        current.client()
    except ClaudeError as error:
        return f"none: {error.message}"
    return "of Claude"


def _prompts_by_context() -> bool:
    """Say whether the kernel finds the cell that asks by context variables, as ipykernel does from 7 on."""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    version = str(getattr(kernel, "implementation_version", "0"))
    return int(version.split(".")[0]) >= 7

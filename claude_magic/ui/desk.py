"""What does one ask with in the chat panel?

What is typed and uploaded here is on its way: once sent it is in the conversation, and no longer in a widget.
"""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.prompts import media
from claude_magic.protocol import catalog
from claude_magic.ui import controls

if TYPE_CHECKING:
    from claude_magic.ui.panel import ChatPanel


class Desk:
    """The controls of a chat panel."""

    def __init__(self, panel: ChatPanel) -> None:
        import ipywidgets as w

        self.talk = panel
        self.words = controls.area("Question", hint="Ask Claude")
        self.send = controls.button("Send", self._send, look="primary")
        self.stop = controls.button("Stop", panel.stop, tip="End the answer that is coming")
        self.run = controls.button("Run it", lambda: self._reply(yes=True), tip="Run this tool")
        self.refuse = controls.button("Refuse", lambda: self._reply(yes=False), tip="Do not run this tool")
        self.undo = controls.button("Undo", panel.undo, tip="Take back the last question and its answer")
        self.clear = controls.button("New", panel.clear, tip="Begin the conversation anew")
        self.files = w.FileUpload(
            multiple=True,
            description="Attach",
            tooltip="Attach files",
            layout=w.Layout(width="auto", margin="0"),
        )
        self.files.observe(self._named, "value")
        self.names = w.Label("")
        self.model = controls.choice(
            "Model", self._models(), panel.chat.given.get("model") or "", self._model
        )
        self.system = controls.area(
            "System prompt", hint="How to answer", rows=1, value=panel.chat.given.get("system") or ""
        )
        self.system.observe(self._system, "value")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        buttons = (self.send, self.stop, self.run, self.refuse, self.files, self.undo, self.clear, self.names)
        self.panel = controls.panel(
            controls.row(self.words), controls.row(*buttons), controls.row(self.model, self.system)
        )
        self.follow()

    def follow(self) -> None:
        """Enable what can be pressed now."""
        busy, asked = self.talk.busy, self.talk.asking
        self.send.disabled = self.undo.disabled = self.clear.disabled = busy
        self.stop.disabled = not busy
        for one in (self.run, self.refuse):
            one.layout.display = "" if asked else "none"

    def put_back(self, question: str) -> None:
        """Give a question back that was not answered, unless another is being typed."""
        self.words.value = self.words.value or question

    def _send(self) -> None:
        question = self.words.value.strip()
        if self.talk.busy or not question or controls.is_anew(self.panel):  # nobody would see the answer
            return
        paths = self._uploaded()
        self.words.value, self.files.value = "", ()
        self.words.focus()  # the button, which cannot be pressed now, loses it
        self.talk.send(question, paths, wait=False)

    def _reply(self, *, yes: bool) -> None:
        self.talk.reply(yes=yes)

    def _uploaded(self) -> list[Path]:
        """Put what was uploaded into a folder of its own, until the next question."""
        if not self.files.value:
            return []
        self._folder = tempfile.TemporaryDirectory(prefix="claude-magic-")
        folder, paths = Path(self._folder.name), []
        for number, file in enumerate(self.files.value):
            inside = folder / str(number)
            inside.mkdir()
            paths.append(inside / (PurePath(file["name"]).name or "file"))
            paths[-1].write_bytes(file["content"])
        return paths

    def _named(self, _: Any) -> None:
        found = (f"{file['name']} ({media.shown_size(file['size'])})" for file in self.files.value)
        self.names.value = ", ".join(found)

    def _models(self) -> list[tuple[str, str]]:
        found = [(m.display_name, m.id) for m in catalog.all_models() if m.status == "active"]
        given = self.talk.chat.given.get("model")
        own = [(given, given)] if given and given not in {name for _, name in found} else []
        return [(f"this notebook's ({settings.model().value})", ""), *own, *found]

    def _model(self, name: str) -> None:
        self.talk.chat.given["model"] = name or None
        self.talk.paper.now()

    def _system(self, change: Any) -> None:
        self.talk.chat.given["system"] = change["new"].strip() or None

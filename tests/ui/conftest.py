"""What do the tests of controls share?"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from claude_magic import ledger
from claude_magic.looks import parts as looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Screen:
    """The outputs of a notebook as they are now: an update is shown in its place."""

    def __init__(self) -> None:
        self.outputs: dict[str, dict[str, Any]] = {}
        self.updates = 0

    def display(self, bundle: Any, _: Any, handle: str = "", update: bool = False) -> None:
        self.updates += update
        self.outputs[handle or f"output {len(self.outputs)}"] = dict(bundle)

    @property
    def html(self) -> str:
        return "".join(o.get("text/html", "") for o in self.outputs.values())

    @property
    def text(self) -> str:
        return "\n".join(o.get("text/plain", "") for o in self.outputs.values())

    @property
    def widgets(self) -> list[str]:
        kind = "application/vnd.jupyter.widget-view+json"
        return [o[kind]["model_id"] for o in self.outputs.values() if kind in o]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, shell: Any) -> Iterator[Screen]:
    """A notebook that somebody watches, in practice mode."""
    made = Screen()
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "live")
    monkeypatch.setattr(looks, "display", made.display)
    before = {event: [*hears] for event, hears in shell.ip.events.callbacks.items()}
    yield made
    ledger.watchers.clear()
    shell.ip.events.callbacks.update(before)


def until(done: Callable[[], object]) -> None:
    """Wait until it is so, which takes less than a minute."""
    for _ in range(6_000):
        if done():
            return
        threading.Event().wait(0.01)
    pytest.fail("It took longer than a minute")


def drawn(paper: Any) -> None:
    """Wait until a paper has drawn what it was told of."""
    while rings := [t for t in threading.enumerate() if getattr(t, "args", None) == (paper._in_time,)]:
        for timer in rings:  # also one that rings already
            timer.join()


def told(panel: Any) -> bool:
    """Say whether controls tell that the page was opened anew."""
    *_, line = panel.children
    assert "opened anew" in line.value
    return line.layout.display != "none"

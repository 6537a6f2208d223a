"""Which controls does a notebook get?

`from claude_magic import ui`, then `ui.models()`, `ui.cost()`, `ui.usage()`, `ui.chat()`, `ui.login()`,
`ui.map(frame, prompt)` or `ui.batch(job)`. What is to be read is in outputs, which stay; widgets control.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from claude_magic.ui.carrying import map  # noqa: A004 - as claude_magic.map
    from claude_magic.ui.dashboard import usage
    from claude_magic.ui.meter import cost
    from claude_magic.ui.monitor import batch
    from claude_magic.ui.panel import chat
    from claude_magic.ui.picker import models
    from claude_magic.ui.signin import login

__all__ = ["batch", "chat", "cost", "login", "map", "models", "usage"]

_ELSEWHERE = {
    "batch": "monitor",
    "chat": "panel",
    "cost": "meter",
    "login": "signin",
    "map": "carrying",
    "models": "picker",
    "usage": "dashboard",
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

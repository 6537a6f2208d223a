"""What can be imported from claude_magic?"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from claude_magic import admin, practice, ui
    from claude_magic.api.client import AsyncClient, Client
    from claude_magic.api.client import AsyncClient as AsyncAnthropic
    from claude_magic.api.client import Client as Anthropic
    from claude_magic.errors import (
        AnswerError,
        APIConnectionError,
        APIError,
        APIResponseError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BudgetError,
        ClaudeError,
        ConfigError,
        ConflictError,
        InputError,
        InternalServerError,
        NotFoundError,
        OverloadedError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitError,
        ReplayError,
        RequestTimeoutError,
        RequestTooLargeError,
        Stopped,
        StreamError,
        UnprocessableEntityError,
    )
    from claude_magic.errors import ClaudeError as AnthropicError
    from claude_magic.frames.models import models
    from claude_magic.frames.usage import usage
    from claude_magic.money.billing import bill
    from claude_magic.money.dryrun import dry_run
    from claude_magic.practice import Practice
    from claude_magic.protocol.bundles import parts as files_from_dir
    from claude_magic.rows.batch.batches import batches
    from claude_magic.rows.batch.job import attach, batch
    from claude_magic.rows.judged.agreement import agreement, confusion, plot_agreement
    from claude_magic.rows.judged.grade import grade
    from claude_magic.rows.kept.runs import run, runs
    from claude_magic.rows.mapping import classify, estimate, extract, preview, retry, score
    from claude_magic.rows.mapping import map as map  # noqa: A004 # claude_magic.map, never Python's own
    from claude_magic.settings import cost
    from claude_magic.talk.answer import Answer
    from claude_magic.talk.chat import Chat, ask
    from claude_magic.talk.replaying import replay
    from claude_magic.talk.thread import Thread
    from claude_magic.tools.functions import tool
    from claude_magic.tools.server import mcp, server_tool
    from claude_magic.tools.toolbox import Toolbox
    from claude_magic.wire import Message, Record, Usage

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "Answer",
    "AnswerError",
    "Anthropic",
    "AnthropicError",
    "AsyncAnthropic",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "BudgetError",
    "Chat",
    "ClaudeError",
    "Client",
    "ConfigError",
    "ConflictError",
    "InputError",
    "InternalServerError",
    "Message",
    "NotFoundError",
    "OverloadedError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "Practice",
    "RateLimitError",
    "Record",
    "ReplayError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "Stopped",
    "StreamError",
    "Thread",
    "Toolbox",
    "UnprocessableEntityError",
    "Usage",
    "admin",
    "agreement",
    "ask",
    "attach",
    "batch",
    "batches",
    "bill",
    "classify",
    "confusion",
    "cost",
    "dry_run",
    "estimate",
    "extract",
    "files_from_dir",
    "grade",
    "load_ipython_extension",
    "mcp",
    "models",
    "plot_agreement",
    "practice",
    "preview",
    "replay",
    "retry",
    "run",
    "runs",
    "score",
    "server_tool",
    "tool",
    "ui",
    "unload_ipython_extension",
    "usage",
]

_ELSEWHERE = {
    # every name that is not an error: where it lives, and its name there ("": it is the module itself)
    "Answer": ("talk.answer", "Answer"),
    "Anthropic": ("api.client", "Client"),
    "AnthropicError": ("errors", "ClaudeError"),
    "AsyncAnthropic": ("api.client", "AsyncClient"),
    "AsyncClient": ("api.client", "AsyncClient"),
    "Chat": ("talk.chat", "Chat"),
    "Client": ("api.client", "Client"),
    "Message": ("wire", "Message"),
    "Practice": ("practice", "Practice"),
    "Record": ("wire", "Record"),
    "Thread": ("talk.thread", "Thread"),
    "Toolbox": ("tools.toolbox", "Toolbox"),
    "Usage": ("wire", "Usage"),
    "admin": ("admin", ""),
    "agreement": ("rows.judged.agreement", "agreement"),
    "ask": ("talk.chat", "ask"),
    "attach": ("rows.batch.job", "attach"),
    "batch": ("rows.batch.job", "batch"),
    "batches": ("rows.batch.batches", "batches"),
    "bill": ("money.billing", "bill"),
    "classify": ("rows.mapping", "classify"),
    "confusion": ("rows.judged.agreement", "confusion"),
    "cost": ("settings", "cost"),
    "dry_run": ("money.dryrun", "dry_run"),
    "estimate": ("rows.mapping", "estimate"),
    "extract": ("rows.mapping", "extract"),
    "files_from_dir": ("protocol.bundles", "parts"),
    "grade": ("rows.judged.grade", "grade"),
    "map": ("rows.mapping", "map"),
    "mcp": ("tools.server", "mcp"),
    "models": ("frames.models", "models"),
    "plot_agreement": ("rows.judged.agreement", "plot_agreement"),
    "practice": ("practice", ""),
    "preview": ("rows.mapping", "preview"),
    "replay": ("talk.replaying", "replay"),
    "retry": ("rows.mapping", "retry"),
    "run": ("rows.kept.runs", "run"),
    "runs": ("rows.kept.runs", "runs"),
    "score": ("rows.mapping", "score"),
    "server_tool": ("tools.server", "server_tool"),
    "tool": ("tools.functions", "tool"),
    "ui": ("ui", ""),
    "usage": ("frames.usage", "usage"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__ and name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _ELSEWHERE.get(name, ("errors", name))
    value = import_module(f"{__name__}.{module}")
    if there:
        value = getattr(value, there)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ELSEWHERE})


def load_ipython_extension(ip: Any) -> None:
    """Register `%claude` and `%%claude`: what `%load_ext claude_magic` calls."""
    from claude_magic.cells import magics

    magics.load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take `%claude` and `%%claude` away again."""
    from claude_magic.cells import magics

    magics.unload(ip)


class _Frames:
    """Gives the frames of a library `.claude` as soon as it has been imported, whoever imports it."""

    libraries = ("pandas", "polars")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that others find for such a library, whose loader tells us when it is done."""
        if name not in self.libraries:
            return None
        others = [f.find_spec for f in sys.meta_path if f is not self and hasattr(f, "find_spec")]
        spec = next((spec for find in others if (spec := find(name, path, target))), None)
        if spec and spec.loader and hasattr(spec.loader, "exec_module"):
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                _accessor(name)

            setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 # of this loader alone
        return spec


def _accessor(library: str) -> None:
    from claude_magic.rows.accessor import register

    register(library)


def _meet_frames() -> None:
    """Register `df.claude` now for what is imported already, later for what is not."""
    for library in _Frames.libraries:
        if hasattr(sys.modules.get(library), "api"):
            _accessor(library)
    if not any(type(finder).__name__ == _Frames.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, _Frames())


_meet_frames()

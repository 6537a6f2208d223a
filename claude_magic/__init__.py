"""What can be imported from claude_magic?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from claude_magic import admin, practice
    from claude_magic.answer import Answer
    from claude_magic.billing import bill
    from claude_magic.bundles import parts as files_from_dir
    from claude_magic.chat import Chat, ask
    from claude_magic.client import AsyncClient, Client
    from claude_magic.client import AsyncClient as AsyncAnthropic
    from claude_magic.client import Client as Anthropic
    from claude_magic.dryrun import dry_run
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
    from claude_magic.estimating import estimate
    from claude_magic.frames.models import models
    from claude_magic.frames.usage import usage
    from claude_magic.practice import Practice
    from claude_magic.replaying import replay
    from claude_magic.settings import cost
    from claude_magic.thread import Thread
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
    "ask",
    "bill",
    "cost",
    "dry_run",
    "estimate",
    "files_from_dir",
    "load_ipython_extension",
    "mcp",
    "models",
    "practice",
    "replay",
    "server_tool",
    "tool",
    "unload_ipython_extension",
    "usage",
]

_ELSEWHERE = {
    # every name that is not an error: where it lives, and its name there ("": it is the module itself)
    "Answer": ("answer", "Answer"),
    "Anthropic": ("client", "Client"),
    "AnthropicError": ("errors", "ClaudeError"),
    "AsyncAnthropic": ("client", "AsyncClient"),
    "AsyncClient": ("client", "AsyncClient"),
    "Chat": ("chat", "Chat"),
    "Client": ("client", "Client"),
    "Message": ("wire", "Message"),
    "Practice": ("practice", "Practice"),
    "Record": ("wire", "Record"),
    "Thread": ("thread", "Thread"),
    "Toolbox": ("tools.toolbox", "Toolbox"),
    "Usage": ("wire", "Usage"),
    "admin": ("admin", ""),
    "ask": ("chat", "ask"),
    "bill": ("billing", "bill"),
    "cost": ("settings", "cost"),
    "dry_run": ("dryrun", "dry_run"),
    "estimate": ("estimating", "estimate"),
    "files_from_dir": ("bundles", "parts"),
    "mcp": ("tools.server", "mcp"),
    "models": ("frames.models", "models"),
    "practice": ("practice", ""),
    "replay": ("replaying", "replay"),
    "server_tool": ("tools.server", "server_tool"),
    "tool": ("tools.functions", "tool"),
    "usage": ("frames.usage", "usage"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _ELSEWHERE.get(name, ("errors", name))
    value = import_module(f"{__name__}.{module}")
    if there:
        value = getattr(value, there)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ip: Any) -> None:
    """Register `%claude` and `%%claude`: what `%load_ext claude_magic` calls."""
    from claude_magic import magics

    magics.load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take `%claude` and `%%claude` away again."""
    from claude_magic import magics

    magics.unload(ip)

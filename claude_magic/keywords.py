"""Which names has what can be said of a question?

The same in `ask()`, in `Chat` and, as far as they are about one call, in the flags of a cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path


class Keywords(TypedDict, total=False):
    """The keyword arguments of `ask`; what is left out comes from the settings."""

    model: str | None
    max_tokens: int | None
    effort: str | None
    think: bool | None
    params: Mapping[str, Any] | None
    system: str | None
    attach: Sequence[str | Path | Mapping[str, Any]]
    citations: bool
    skills: Sequence[str | Mapping[str, Any]] | str
    tools: Sequence[Any]
    max_steps: int | None
    approve: Callable[[str, dict[str, Any]], bool | str] | bool | None
    returns: Any
    choices: Sequence[str] | None
    history_tokens: int | None
    compact: bool | None
    cache: str | None
    replay: str | None
    compare: Sequence[str] | str | None
    max_cost: Decimal | float | str | None
    stream: bool

"""How is the call of a tool shown?

Folded under its name and what became of it; inside are all arguments and the result, as they are, bounded.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.prompts.tables import cut
from claude_magic.tools.toolbox import Ran

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from claude_magic.talk.answer import Answer
    from claude_magic.tools.results import Content

MOST = 4_000  # characters of a result, and of arguments
MOST_LINE = 120  # characters of a call in one line
MOST_TOLD = 200  # characters of a result in one line


def line(name: str, arguments: Any) -> str:
    """Return a call in one line; arguments that a model did not write as an object are left out."""
    given = ", ".join(f"{k}={v!r}" for k, v in arguments.items()) if isinstance(arguments, dict) else ""
    return f"{name}({_short(given, MOST_LINE)})"


def told(ran: Ran) -> str:
    """Return in one line what became of a call."""
    return f"{'error: ' if ran.is_error else ''}{_short(text(ran.content), MOST_TOLD)}{_took(ran)}"


def text(content: Content) -> str:
    """Return a result as text, with a word for each picture or document."""
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text") or f"[{block.get('type')}]") for block in content)


def html(calls: Sequence[Ran]) -> str:
    """Return the calls of an answer, each folded."""
    return "".join(_folded(ran) for ran in calls)


def of(answer: Answer) -> list[Ran]:
    """Return the calls that an answer took, at the service and here."""
    return [*at_the_service(answer.whole.get("content") or ()), *answer.calls]


def at_the_service(content: Iterable[Any]) -> list[Ran]:
    """Return the calls of tools that the service ran, by the blocks of an answer."""
    blocks = [block for block in content if isinstance(block, dict)]
    results = {str(b.get("tool_use_id")): b for b in blocks if str(b.get("type")).endswith("_tool_result")}
    return [
        _by_the_service(block, results.get(str(block.get("id"))))
        for block in blocks
        if block.get("type") in ("server_tool_use", "mcp_tool_use")
    ]


def _by_the_service(block: Mapping[str, Any], result: Mapping[str, Any] | None) -> Ran:
    given = block.get("input")
    content = "" if result is None else result.get("content")
    kind = str(content.get("type")) if isinstance(content, dict) else ""
    failed = kind.endswith("_error") or bool(result and result.get("is_error"))
    said = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1)
    return Ran(str(block.get("name")), given if isinstance(given, dict) else {}, said, failed, 0.0)


def _folded(ran: Ran) -> str:
    failed = " · failed" if ran.is_error else ""
    given = json.dumps(ran.input, ensure_ascii=False, indent=1, default=repr) if ran.input else ""
    inside = [looks.source(cut(given, MOST))] if given else []
    inside.append(looks.source(cut(text(ran.content), MOST)))
    rule = f'<div style="{looks.RULE}"></div>'
    return looks.fold(f"{line(ran.name, ran.input)}{failed}{_took(ran)}", rule.join(inside))


def _took(ran: Ran) -> str:
    return f" · {ran.seconds:.1f} s" if ran.seconds >= 0.05 else ""


def _short(words: str, most: int) -> str:
    flat = " ".join(printable(words).split())
    return flat if len(flat) <= most else f"{flat[: most - 2]} …"

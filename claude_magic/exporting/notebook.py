"""How does a conversation read as a notebook of `%%claude` cells?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.exporting import options
from claude_magic.exporting.parts import Beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from claude_magic.talk.thread import Thread

FORMAT = {"nbformat": 4, "nbformat_minor": 5}


def cells(
    messages: Sequence[dict[str, Any]],
    bodies: Sequence[Mapping[str, Any]],
    thread: Thread,
    files: Iterable[str],
) -> str:
    """Return a notebook's JSON: a cell for each question, with what was answered as its output.

    `bodies` are what the thread's turns were asked with, but for the messages.
    """
    both = list(zip(thread.turns, bodies, strict=True))
    lines = [f"# The conversation {thread.name}" if thread.name else "# A conversation"]
    lines += [f"- `{name}` goes beside this notebook." for name in files]
    needed = [n for turn, body in both for n in (*options.functions(body), *options.classes(turn, body))]
    if defined := list(dict.fromkeys(needed)):
        lines.append(
            f"- Define {', '.join(f'`{name}`' for name in defined)} in a cell before it is asked for."
        )
    left = dict.fromkeys(what for turn, body in both for what in options.unsaid(turn, body))
    lines += [f"- Left out: {what}." for what in left]
    made = [_cell("markdown", "\n".join(lines)), _cell("code", "%load_ext claude_magic", [])]
    at, system = 0, ""
    for turn, body in both:
        own = _said(body.get("system") or "")
        if own != system:
            made.append(_cell("code", f"%config ClaudeMagics.system = {own!r}", []))
        system = own
        said, at = messages[at : at + len(turn.messages)], at + len(turn.messages)
        made.append(_asked(said, turn.model or str(body.get("model", "")), options.options(turn, body)))
    numbered = [{**cell, "id": f"cell-{n}"} for n, cell in enumerate(made)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": numbered, "metadata": kernel, **FORMAT}, ensure_ascii=False, indent=1) + "\n"


def _asked(messages: Sequence[dict[str, Any]], model: str, given: Sequence[str]) -> dict[str, Any]:
    user = messages[0] if messages[0]["role"] == "user" else {"content": []}
    question, header = _said(user["content"]), ["%%claude", *([model] if model else [])]
    header += [f"--attach {options.quoted(name)}" for block in user["content"] if (name := _file(block))]
    header += given
    if "{" in question or "}" in question:
        header.append("--raw")
    answers = (_said(m["content"]) for m in messages if m["role"] == "assistant")
    shown = printable("\n\n".join(text for text in answers if text))
    output = {"output_type": "display_data", "data": {"text/plain": shown}, "metadata": {}}
    source = f"{' '.join(header)}\n{question}" if user["content"] else "%claude continue"
    return _cell("code", source, [output])


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(b["text"]) for b in content if b.get("type") == "text")


def _file(block: dict[str, Any]) -> str | None:
    """Return the path or the id of an attached file, or None."""
    if block.get("type") == "container_upload":
        return str(block.get("file_id"))
    source = block.get("source")
    if not isinstance(source, dict):
        return None
    if isinstance(source.get("data"), Beside):
        return str(source["data"].name)
    return str(source["file_id"]) if source.get("type") == "file" else None


def _cell(kind: str, source: str, outputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    code = {} if outputs is None else {"execution_count": None, "outputs": outputs}
    return {"cell_type": kind, "metadata": {}, "source": source, **code}

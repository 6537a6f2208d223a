"""Which options of a `%%claude` cell say what a turn was asked with?

What no option says is told apart, so that nothing is left out without a word.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from claude_magic import schema
from claude_magic.grammar.flags import SKILLS
from claude_magic.prompts import typenames
from claude_magic.schema import sent
from claude_magic.settings import OPTIONS
from claude_magic.tools.server import OF_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.talk.thread import Turn

SAID = frozenset(
    ("model", "max_tokens", "system", "output_config", "thinking", "tools", "container", "betas")
)
"""Parts of a body that a cell says otherwise; betas go along with what needs them."""
NOT_SAID = frozenset(("mcp_servers", "messages"))
ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def options(turn: Turn, body: Mapping[str, Any]) -> list[str]:
    """Return the options of a turn's cell, but for model, system prompt and attachments."""
    effort, wanted = (body.get("output_config") or {}).get("effort"), _schema(body)
    usual = OPTIONS["max_tokens"].default
    most = body.get("max_tokens", usual)
    skills = (body.get("container") or {}).get("skills") or ()
    cited = any((b.get("citations") or {}).get("enabled") for b in _blocks(turn))
    return [
        *([f"-n {most}"] if most != usual else []),
        *([f"--effort {effort}"] if effort else []),
        *_thinking(body.get("thinking")),
        *([_form(turn.form, wanted)] if wanted else []),
        *([f"--skill {_skill(one)}" for one in skills]),
        *([f"--tool {name}" for name in _tools(body, bool(skills))]),
        *(["--citations"] if cited else []),
        *(_param(name, value) for name, value in body.items() if name not in SAID | NOT_SAID),
    ]


def functions(body: Mapping[str, Any]) -> list[str]:
    """Return the names of the functions that a turn had as tools."""
    return [str(tool.get("name")) for tool in body.get("tools") or () if "input_schema" in tool]


def classes(turn: Turn, body: Mapping[str, Any]) -> list[str]:
    """Return the reader's own names in the type that a turn's cell names, if it does."""
    option = _form(turn.form, found) if (found := _schema(body)) else ""
    if not option.startswith("--schema") or turn.form not in option:
        return []
    return [word for word in re.findall(r"[^\W\d]\w*", turn.form) if word not in (*typenames.KNOWN, "None")]


def unsaid(turn: Turn, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a turn was asked with that its cell does not say, in words."""
    if servers := body.get("mcp_servers"):
        yield f"the MCP server{'s'[: len(servers) > 1]} {', '.join(str(one.get('name')) for one in servers)}"
    known = {*OF_TYPE, "mcp_toolset"}
    if any(tool.get("type") not in known and "input_schema" not in tool for tool in body.get("tools") or ()):
        yield "a tool of a type that no name stands for"
    if any(b.get("type") == "search_result" for b in _blocks(turn)):
        yield "search results"


def _blocks(turn: Turn) -> list[dict[str, Any]]:
    return turn.user["content"] if turn.user else []


def _schema(body: Mapping[str, Any]) -> Any:
    return ((body.get("output_config") or {}).get("format") or {}).get("schema")


def _thinking(said: Any) -> list[str]:
    kind = said.get("type") if isinstance(said, dict) else None
    if kind in ("disabled", "between_tools"):
        return ["--no-think"]
    if said == ADAPTIVE or kind == "enabled":
        return ["--think"]
    return [_param("thinking", said)] if said else []


def _form(name: str, wanted: Mapping[str, Any]) -> str:
    """Return the option that asks for a form: labels, the name of a type, or the schema itself."""
    bare = wanted.get("properties", {})
    inner = bare[schema.VALUE] if list(bare) == [schema.VALUE] else {}
    labels = inner.get("enum") or ()
    plain = [one for one in labels if isinstance(one, str) and "," not in one]
    if name.startswith("Literal[") and len(plain) == len(labels) > 1:
        return f"--choices {quoted(','.join(plain))}"
    if name and name != sent.UNNAMED and not name.endswith("…"):
        return f"--schema {quoted(name)}"
    return f"--schema {quoted(_json(inner or wanted))}"


def _skill(skill: Mapping[str, Any]) -> str:
    version = skill.get("version") or "latest"
    name = str(skill.get("skill_id"))
    return name if version == "latest" or name in SKILLS else f"{name}@{version}"


def _tools(body: Mapping[str, Any], with_skills: bool) -> Iterator[str]:
    for tool in body.get("tools") or ():
        kind = str(tool.get("type"))
        if "input_schema" in tool:
            yield str(tool.get("name"))
        elif kind in OF_TYPE and not (with_skills and kind.startswith("code_execution")):
            yield OF_TYPE[kind]


def _param(name: str, value: Any) -> str:
    return f"-p {quoted(f'{name}={_json(value)}')}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def quoted(word: str) -> str:
    """Return a word as it is typed on the first line of a cell."""
    if word and not set(word) & set(" '\"[]{}=|\\"):
        return word
    if "'" not in word:
        return f"'{word}'"
    return '"' + word.replace('"', '\\"') + '"' if '"' in word else f'"{word}"'

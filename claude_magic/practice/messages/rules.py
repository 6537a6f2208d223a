"""What does the service refuse?

`RULES` is the list, in the order the service's own checks seem to run; each rule looks at one thing and
refuses with the field's path. Sources: the per-model table of the catalogue and
https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check
from claude_magic.practice.messages import schemas, shapes, tokens, turns
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claude_magic.practice.storage.containers import Room

NEW_VERSION, OLD_VERSION = "2026-10-21", "2023-06-01"
VERSIONS = (OLD_VERSION, NEW_VERSION)
SAMPLING: dict[str, Any] = {"temperature": 1, "top_p": 1, "top_k": 0}
"""Sampling parameters and the values that change nothing."""
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_MESSAGES = 100_000
LEAST_THINKING = 1024  # tokens
MOST_SKILLS = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A Messages request that names a model we know."""

    body: dict[str, Any]
    model: catalog.Model
    version: str = NEW_VERSION
    betas: frozenset[str] = frozenset()
    counting: bool = False
    room: Room | None = None

    @property
    def effort(self) -> str | None:
        """The effort asked for."""
        return (self.body.get("output_config") or {}).get("effort")

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema the answer must have."""
        form = (self.body.get("output_config") or {}).get("format")
        return form["schema"] if form else None

    @property
    def thinking(self) -> str:
        """Which thinking is in force: the type asked for, else the model's own ("adaptive" or "off")."""
        asked = self.body.get("thinking")
        return str(asked["type"] if asked else (self.model.thinking or {}).get("omitted", "adaptive"))

    @property
    def choice(self) -> dict[str, Any]:
        """The tool choice in force."""
        return self.body.get("tool_choice") or {"type": "auto"}

    @property
    def forced(self) -> bool:
        """Whether a tool must be called."""
        return self.choice["type"] in ("any", "tool")

    def blocks(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (path, role, block) of every content block, those inside tool results too."""
        for i, message in enumerate(self.body["messages"]):
            yield from _within(message["content"], f"messages.{i}.content", message["role"])

    def documents(self) -> list[dict[str, Any]]:
        """Return what can be cited."""
        return [block for _, _, block in self.blocks() if block["type"] in ("document", "search_result")]


def _within(blocks: list[dict[str, Any]], where: str, role: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for j, block in enumerate(blocks):
        yield f"{where}.{j}", role, block
        if block["type"] == "tool_result":
            yield from _within(block["content"], f"{where}.{j}.content", role)


def cites(block: dict[str, Any]) -> bool:
    """Return whether a document or search result is to be cited."""
    return bool((block.get("citations") or {}).get("enabled"))


def read(body: Any, *, version: str, betas: frozenset[str], counting: bool = False) -> Call:
    """Check a body as the service does and return it as a Call; raises Refusal."""
    fields = shapes.BODY if counting else shapes.CREATE
    check(body, fields | shapes.BETA if betas else fields, "")
    messages = [{**message, "content": _listed(message["content"])} for message in body["messages"]]
    body = {**body, "messages": messages, "system": _listed(body.get("system", ""))}
    call = Call(body, served(body["model"]), version, betas, counting)
    for rule in RULES:
        rule(call)
    return call


def _listed(content: Any) -> list[dict[str, Any]]:
    """Return content as a list of blocks, wherever a text may stand for one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_inside_listed(block) for block in content]


def _inside_listed(block: dict[str, Any]) -> dict[str, Any]:
    match block:
        case {"type": "tool_result"}:
            return {**block, "content": _listed(block.get("content", ""))}
        case {"type": "document", "source": {"type": "content", "content": content}}:
            return {**block, "source": {"type": "content", "content": _listed(content)}}
    return block


def served(name: str) -> catalog.Model:
    """Return the model of an id or alias; refuse with 404 one that is unknown or retired."""
    model = catalog.find(name)
    if model is None or name not in (model.id, *model.aliases) or model.status == "retired":
        raise Refusal(404, f"model: {name}")
    return model


def _amounts(call: Call) -> None:
    most, asked, messages = (
        call.model.max_output_tokens,
        call.body.get("max_tokens", 1),
        call.body["messages"],
    )
    if not messages:
        refuse("messages", "at least one message is required")
    if len(messages) > MOST_MESSAGES:
        refuse("messages", f"List should have at most {MOST_MESSAGES} items")
    if asked < 0:
        refuse("max_tokens", "Input should be greater than or equal to 0")
    if most and asked > most:
        what = "which is the maximum allowed number of output tokens for"
        refuse("max_tokens", f"{asked} > {most}, {what} {call.model.id}")
    if asked == 0 and (call.body.get("stream") or call.schema or call.forced or call.thinking == "enabled"):
        refuse("max_tokens", "0 is not supported with `stream`, JSON output, a forced tool or thinking")


def _sampling(call: Call) -> None:
    for name, neutral in SAMPLING.items():
        if name not in call.body:
            continue
        value = call.body[name]
        if call.version == NEW_VERSION:
            refuse(name, "Extra inputs are not permitted")
        if call.model.tokenizer == "2026" and value != neutral:
            refuse(name, f"this model takes no other value than the default ({neutral})")
        if value < 0 or (value > 1 and name != "top_k"):
            refuse(name, "Input should be between 0 and 1")


def _thinking(call: Call) -> None:
    model, effort, asked = call.model, call.effort, call.body.get("thinking")
    if effort and model.thinking and effort not in (model.effort_levels or ()):
        levels = ", ".join(model.effort_levels or ()) or "none"
        refuse("output_config.effort", f"'{effort}' is not supported by {model.id}; it takes: {levels}")
    if asked and model.allows_thinking(asked["type"], effort) is False:
        at = f" at effort '{effort}'" if effort else ""
        refuse("thinking.type", f"'{asked['type']}' is not supported by {model.id}{at}")
    if asked and asked["type"] == "enabled":
        budget = asked["budget_tokens"]
        if budget < LEAST_THINKING:
            why = f"Input should be greater than or equal to {LEAST_THINKING}"
            refuse("thinking.enabled.budget_tokens", why)
        interleaved = any(beta.startswith("interleaved-thinking") for beta in call.betas)
        if not interleaved and budget >= call.body.get("max_tokens", budget + 1):
            refuse("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`")


def _tools(call: Call) -> None:
    names: list[str | None] = []
    for i, tool in enumerate(call.body.get("tools") or ()):
        kind, name, where = tool.get("type", "custom"), tool.get("name"), f"tools.{i}"
        fixed = shapes.NAMED_TOOLS.get(kind, name)
        if name != fixed:
            refuse(f"{where}.name", f"Input should be '{fixed}'")
        if kind == "custom":
            _custom_tool(tool, where)
        if name and name in names:
            refuse("tools", "Tool names must be unique.", error_code="tool_name_conflict")
        names.append(name)
    if "tool_choice" in call.body:
        _choice(call, names)


def _custom_tool(tool: dict[str, Any], where: str) -> None:
    if not TOOL_NAME.fullmatch(tool["name"]):
        refuse(f"{where}.name", f"String should match pattern '^{TOOL_NAME.pattern}$'")
    if tool["input_schema"].get("type") != "object":
        refuse(f"{where}.input_schema.type", "Input should be 'object'")
    schemas.well_formed(tool["input_schema"], f"{where}.input_schema")


def _choice(call: Call, names: list[str | None]) -> None:
    kind = call.choice["type"]
    if not names and kind != "none":
        refuse("tool_choice", "tool_choice may only be specified while providing tools")
    if kind == "tool" and call.choice["name"] not in names:
        refuse("tool_choice", f"Tool '{call.choice['name']}' not found in provided tools")
    if call.forced and call.model.forced_tool_choice is False:
        refuse("tool_choice", f"'{kind}' is not supported by {call.model.id}; use 'auto' or 'none'")
    if call.forced and call.thinking == "enabled":
        refuse("tool_choice", "Thinking may not be enabled when tool_choice forces tool use.")


def _prefill(call: Call) -> None:
    if call.body["messages"][-1]["role"] != "assistant" or call.counting:
        return
    if call.model.prefill is False:
        refuse("messages", "This model does not support assistant message prefill: end with a user message.")
    if call.thinking == "enabled":
        refuse("messages", "The final message must be a user message when thinking is enabled.")
    if call.schema:
        refuse("messages", "Assistant prefill cannot be combined with `output_config.format`.")


def _format(call: Call) -> None:
    weights = []
    if call.schema is not None:
        if any(map(cites, call.documents())):
            refuse("output_config.format", "Citations cannot be enabled together with a JSON format")
        weights.append(schemas.check(call.schema, "output_config.format.schema"))
    strict = [(i, tool) for i, tool in enumerate(call.body.get("tools") or ()) if tool.get("strict")]
    if len(strict) > schemas.MOST_STRICT_TOOLS:
        refuse("tools", f"{len(strict)} strict tools, at most {schemas.MOST_STRICT_TOOLS} are allowed")
    weights += [schemas.check(t.get("input_schema") or {}, f"tools.{i}.input_schema") for i, t in strict]
    for what, number, most in (
        ("optional parameters", sum(w.optional for w in weights), schemas.MOST_OPTIONAL),
        ("parameters with union types", sum(w.unions for w in weights), schemas.MOST_UNIONS),
    ):
        if number > most:
            refuse("", f"Schemas contain too many {what} ({number}), limit: {most}")


def _citations(call: Call) -> None:
    if len(set(map(cites, call.documents()))) > 1:
        refuse("messages", "citations must be enabled on all or on none of the documents of a request")


def _new_version(call: Call) -> None:
    if call.version != NEW_VERSION:
        return
    for where, role, block in call.blocks():
        if role == "assistant" and block["type"] == "document":
            why = f"document blocks are not permitted in assistant messages from version {NEW_VERSION} on"
            refuse(where, why)
        texts = block["content"] if block["type"] == "search_result" else [block] if role == "user" else []
        if any(text["type"] == "text" and text.get("citations") for text in texts):
            refuse(f"{where}.citations", "Extra inputs are not permitted")


def _place_and_pace(call: Call) -> None:
    if call.body.get("inference_geo") and call.model.inference_geo_us_multiplier is None:
        refuse("inference_geo", f"not supported by {call.model.id}")
    if call.body.get("speed") == "fast":
        fast = call.model.fast
        if fast is None:
            refuse("speed", f"'fast' is not supported by {call.model.id}")
        if fast.get("beta_header") and fast["beta_header"] not in call.betas:
            refuse("speed", f"'fast' needs the beta {fast['beta_header']} on {call.model.id}")


def _container(call: Call) -> None:
    asked = call.body.get("container")
    uploads = [where for where, _, block in call.blocks() if block["type"] == "container_upload"]
    if not (asked or uploads):
        return
    kinds = [tool.get("type", "custom") for tool in call.body.get("tools") or ()]
    if not any(kind.startswith("code_execution_") for kind in kinds):
        where = "container" if asked else uploads[0]
        refuse(where, "a code execution tool is needed in `tools`, such as code_execution_20260521")
    skills = (asked.get("skills") or ()) if isinstance(asked, dict) else ()
    if len(skills) > MOST_SKILLS:
        refuse("container.skills", f"List should have at most {MOST_SKILLS} items")


RULES: tuple[Callable[[Call], None], ...] = (
    _amounts,
    _sampling,
    _thinking,
    _tools,
    turns.blocks,
    turns.order,
    turns.tool_results,
    tokens.breakpoints,
    _prefill,
    _format,
    _citations,
    _new_version,
    _place_and_pace,
    _container,
)

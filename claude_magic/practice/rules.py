"""What does the service refuse?

`RULES` is the list, in the order the service's own checks seem to run; each rule looks at one thing and
refuses with the field's path. Sources: the per-model table of the catalogue and
https://docs.claude.com/en/api/messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from claude_magic import catalog
from claude_magic.practice import schemas, shapes, turns
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEW_VERSION, OLD_VERSION = "2026-10-21", "2023-06-01"
VERSIONS = (OLD_VERSION, NEW_VERSION)
SAMPLING: dict[str, Any] = {"temperature": 1, "top_p": 1, "top_k": 0}
"""Sampling parameters and the values that change nothing."""
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_MESSAGES = 100_000
LEAST_THINKING = 1024  # tokens


@dataclass(frozen=True, slots=True)
class Call:
    """A Messages request that names a model we know."""

    body: dict[str, Any]
    model: catalog.Model
    version: str = NEW_VERSION
    betas: frozenset[str] = frozenset()
    counting: bool = False

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
        """Yield (path, role, block) of every content block of the messages."""
        for i, message in enumerate(self.body["messages"]):
            if isinstance(message["content"], list):
                for j, block in enumerate(message["content"]):
                    yield f"messages.{i}.content.{j}", message["role"], block

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (path, block) of what can be cited, those inside tool results too."""
        for where, _, block in self.blocks():
            if block["type"] in ("document", "search_result"):
                yield where, block
            elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
                for k, inner in enumerate(block["content"]):
                    if inner["type"] in ("document", "search_result"):
                        yield f"{where}.content.{k}", inner

    @property
    def cites(self) -> bool:
        """Whether an answer is to cite."""
        return any((block.get("citations") or {}).get("enabled") for _, block in self.documents())


def read(body: Any, *, version: str, betas: frozenset[str], counting: bool = False) -> Call:
    """Check a body as the service does and return it as a Call; raises Refusal."""
    fields = shapes.BODY if counting else shapes.CREATE
    shapes.check(body, fields | shapes.BETA if betas else fields, "")
    call = Call(body, served(body["model"]), version, betas, counting)
    for rule in RULES:
        rule(call)
    return call


def served(name: str) -> catalog.Model:
    """Return the model of an id or alias; refuse with 404 one that is unknown or retired."""
    model = catalog.find(name)
    if model is None or name not in (model.id, *model.aliases) or model.status == "retired":
        raise Refusal(404, f"model: {name}")
    return model


def _amounts(call: Call) -> None:
    most, body = call.model.max_output_tokens, call.body
    if not body["messages"]:
        refuse("messages", "at least one message is required")
    if len(body["messages"]) > MOST_MESSAGES:
        refuse("messages", f"List should have at most {MOST_MESSAGES} items")
    tokens = body.get("max_tokens", 1)
    if tokens < 0:
        refuse("max_tokens", "Input should be greater than or equal to 0")
    if most and tokens > most:
        refuse(
            "max_tokens",
            f"{tokens} > {most}, which is the maximum allowed number of output tokens for {call.model.id}",
        )
    if tokens == 0:
        thinks = (body.get("thinking") or {}).get("type") == "enabled"
        for name, wrong in (
            ("stream", body.get("stream")),
            ("thinking", thinks),
            ("output_config.format", call.schema),
            ("tool_choice", call.forced),
        ):
            if wrong:
                refuse("max_tokens", f"0 is not supported with `{name}`")


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
    asked = call.body.get("thinking")
    if call.effort and call.model.thinking and call.effort not in (call.model.effort_levels or ()):
        levels = ", ".join(call.model.effort_levels or ()) or "none"
        refuse(
            "output_config.effort", f"'{call.effort}' is not supported by {call.model.id}; it takes: {levels}"
        )
    if not asked:
        return
    if call.model.allows_thinking(asked["type"], call.effort) is False:
        at = f" at effort '{call.effort}'" if call.effort else ""
        refuse("thinking.type", f"'{asked['type']}' is not supported by {call.model.id}{at}")
    if asked["type"] == "enabled":
        budget = asked["budget_tokens"]
        if budget < LEAST_THINKING:
            refuse(
                "thinking.enabled.budget_tokens", f"Input should be greater than or equal to {LEAST_THINKING}"
            )
        interleaved = any(beta.startswith("interleaved-thinking") for beta in call.betas)
        if not interleaved and budget >= call.body.get("max_tokens", budget + 1):
            refuse("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`")


def _tools(call: Call) -> None:
    tools, seen = call.body.get("tools") or [], set()
    for i, tool in enumerate(tools):
        kind, where = tool.get("type", "custom"), f"tools.{i}"
        fixed = shapes.NAMED_TOOLS.get(kind)
        name = tool.get("name")
        if fixed and name != fixed:
            refuse(f"{where}.name", f"Input should be '{fixed}'")
        if kind == "custom":
            if not TOOL_NAME.fullmatch(name):
                refuse(f"{where}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
            if tool["input_schema"].get("type") != "object":
                refuse(f"{where}.input_schema.type", "Input should be 'object'")
            schemas.well_formed(tool["input_schema"], f"{where}.input_schema")
        if kind in shapes.TOOLSETS and (
            tool.get("strict") or "input_examples" in tool or "defer_loading" in tool
        ):
            refuse(where, "A toolset takes none of `strict`, `input_examples` and `defer_loading`")
        if name and name in seen:
            refuse("tools", "Tool names must be unique.", error_code="tool_name_conflict")
        seen.add(name)
    _choice(call, seen)


def _choice(call: Call, names: set[Any]) -> None:
    if "tool_choice" not in call.body:
        return
    if not names and call.choice["type"] != "none":
        refuse("tool_choice", "tool_choice may only be specified while providing tools")
    if call.choice["type"] == "tool" and call.choice["name"] not in names:
        refuse("tool_choice", f"Tool '{call.choice['name']}' not found in provided tools")
    if call.forced and call.model.forced_tool_choice is False:
        refuse(
            "tool_choice",
            f"'{call.choice['type']}' is not supported by {call.model.id}; use 'auto' or 'none'",
        )
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
        if call.cites:
            refuse("output_config.format", "Citations cannot be enabled together with a JSON format")
        weights.append(schemas.check(call.schema, "output_config.format.schema"))
    strict = [(i, t) for i, t in enumerate(call.body.get("tools") or ()) if t.get("strict")]
    if len(strict) > schemas.MOST_STRICT_TOOLS:
        refuse("tools", f"{len(strict)} strict tools, at most {schemas.MOST_STRICT_TOOLS} are allowed")
    weights += [schemas.check(t.get("input_schema") or {}, f"tools.{i}.input_schema") for i, t in strict]
    optional, unions = sum(w.optional for w in weights), sum(w.unions for w in weights)
    if optional > schemas.MOST_OPTIONAL:
        refuse(
            "", f"Schemas contain too many optional parameters ({optional}), limit: {schemas.MOST_OPTIONAL}"
        )
    if unions > schemas.MOST_UNIONS:
        refuse(
            "",
            f"Schemas contain too many parameters with union types ({unions}), limit: {schemas.MOST_UNIONS}",
        )


def _citations(call: Call) -> None:
    enabled = {bool((block.get("citations") or {}).get("enabled")) for _, block in call.documents()}
    if len(enabled) > 1:
        refuse("messages", "citations must be enabled on all or on none of the documents of a request")


def _new_version(call: Call) -> None:
    if call.version != NEW_VERSION:
        return
    for where, role, block in call.blocks():
        if role == "assistant" and block["type"] == "document":
            refuse(
                where,
                f"document blocks are not permitted in assistant messages from version {NEW_VERSION} on",
            )
        if role == "user" and block["type"] == "text" and block.get("citations"):
            refuse(f"{where}.citations", "Extra inputs are not permitted")
        if block["type"] == "search_result" and any(inner.get("citations") for inner in block["content"]):
            refuse(f"{where}.content", "citations: Extra inputs are not permitted")


def _place_and_pace(call: Call) -> None:
    if call.body.get("inference_geo") and call.model.inference_geo_us_multiplier is None:
        refuse("inference_geo", f"not supported by {call.model.id}")
    if call.body.get("speed") == "fast":
        fast = call.model.fast
        if fast is None:
            refuse("speed", f"'fast' is not supported by {call.model.id}")
        if fast.get("beta_header") and fast["beta_header"] not in call.betas:
            refuse("speed", f"'fast' needs the beta {fast['beta_header']} on {call.model.id}")


RULES: tuple[Callable[[Call], None], ...] = (
    _amounts,
    _sampling,
    _thinking,
    _tools,
    turns.blocks,
    turns.order,
    turns.tool_results,
    turns.cache_control,
    _prefill,
    _format,
    _citations,
    _new_version,
    _place_and_pace,
)

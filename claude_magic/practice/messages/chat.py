"""How are OpenAI's chat completions answered?

What the service honours of that format is translated to a Messages call, and the message back; the rest is
ignored. https://platform.claude.com/docs/en/api/openai-sdk
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.practice.kinds import check
from claude_magic.practice.messages import dialect, rules
from claude_magic.practice.moments import seconds
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

Object = dict[str, Any]
ROOM = "/v1/chat/"
OPENAI_VERSION = "2020-10-01"
USUAL_TOKENS = 4_096  # where the catalogue does not know a model's most
MOST_TEMPERATURE = 1
SYSTEM = ("system", "developer")
CHOICES: dict[str, Object] = {"none": {"type": "none"}, "auto": {"type": "auto"}, "required": {"type": "any"}}
FINISHED = {"max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}
PREFIX = "anthropic-ratelimit-"


def _only(fields: Object) -> Any:
    """Return a kind: an object with fields of these kinds; null and other fields are ignored."""
    names = {name.rstrip("*") for name in fields}

    def known(value: Any, where: str) -> None:
        check(value, "object", where)
        check({k: v for k, v in value.items() if k in names and v is not None}, fields, where)

    return known


FUNCTION = _only({"name*": "text", "description": "text", "parameters": "object"})
CALLED = _only({"name*": "text", "arguments*": "text"})
MESSAGE = {
    "role*": (*SYSTEM, "user", "assistant", "tool", "function"),
    "tool_calls": [_only({"id*": "text", "function*": CALLED})],
    "function_call": CALLED,
    "tool_call_id": "text",
}
BODY = _only({
    "model*": "text",
    "messages*": [_only(MESSAGE)],
    "max_tokens": "whole",
    "max_completion_tokens": "whole",
    "stream": "flag",
    "stream_options": _only({"include_usage": "flag"}),
    "temperature": "number",
    "top_p": "number",
    "n": "whole",
    "tools": [_only({"function*": FUNCTION})],
    "functions": [FUNCTION],
    "parallel_tool_calls": "flag",
    "thinking": "object",
})  # fmt: skip


def create(practice: Practice, exchange: Exchange) -> Response:
    """Answer POST /v1/chat/completions."""
    body = {name: value for name, value in exchange.body().items() if value is not None}
    BODY(body, "")
    said, made = dialect.reply(practice, exchange, _translated(body))
    about = {"id": said["id"], "created": int(exchange.now), "model": said["model"]}
    if body.get("stream"):
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        tell = _teller(said, about | {"object": "chat.completion.chunk"}, with_usage=with_usage)
        return dialect.streamed(said, made, practice.speed, exchange, tell)
    answer = about | {"object": "chat.completion", "choices": [_choice(said)], "usage": _usage(said)}
    return dialect.whole(said, made, practice.speed, answer)


def _translated(body: Object) -> Object:
    """Return the Messages body of a chat's."""
    model = rules.served(body["model"])
    if body.get("n", 1) != 1:
        refuse("n", "Input should be 1")
    most = body.get("max_completion_tokens") or body.get("max_tokens") or model.max_output_tokens
    system, messages = _turns(body["messages"])
    made: Object = {"model": body["model"], "max_tokens": most or USUAL_TOKENS, "messages": messages}
    made |= {name: body[name] for name in ("stream", "top_p", "thinking") if name in body}
    if system:
        made["system"] = system
    if "temperature" in body:
        made["temperature"] = min(body["temperature"], MOST_TEMPERATURE)
    if stops := _stops(body.get("stop", [])):
        made["stop_sequences"] = stops
    return made | _tools(body)


def _stops(stop: Any) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop
    check(stops, ["text"], "stop")
    return [text for text in stops if text.strip()]


def _tools(body: Object) -> Object:
    """Return the Messages fields for tools, or for the functions they once were."""
    functions = [tool["function"] for tool in body.get("tools", ())] + body.get("functions", [])
    made: Object = {"tools": [_tool(function) for function in functions]} if functions else {}
    choice = _wanted(body.get("tool_choice", body.get("function_call")))
    if body.get("parallel_tool_calls") is False and functions and choice != CHOICES["none"]:
        choice = {**(choice or CHOICES["auto"]), "disable_parallel_tool_use": True}
    return made | ({"tool_choice": choice} if choice else {})


def _tool(function: Object) -> Object:
    schema = {"type": "object", "properties": {}} | (function.get("parameters") or {})
    return {
        "name": function["name"],
        "input_schema": schema,
        "description": function.get("description") or "",
    }


def _wanted(choice: Any) -> Object | None:
    match choice:
        case None:
            return None
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return {"type": "tool", "name": name}
    check(choice, (*CHOICES,), "tool_choice")
    return CHOICES[choice]


def _turns(given: list[Object]) -> tuple[str, list[Object]]:
    """Return the system text, from wherever it stands in a chat, and the other messages."""
    system, messages, called = list[str](), list[Object](), ""
    for i, message in enumerate(given):
        where, role = f"messages.{i}", message["role"]
        blocks = _blocks(message.get("content"), f"{where}.content")
        if role in SYSTEM:
            system += [block["text"] for block in blocks if block["type"] == "text"]
        elif role == "assistant":
            calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
            if message.get("function_call"):
                called = f"call_{i}"
                calls.append((called, message["function_call"]))
            uses = [_use(call_id, function, where) for call_id, function in calls]
            messages.append({"role": "assistant", "content": blocks + uses})
        else:
            if role != "user":
                called = message.get("tool_call_id") or called
                blocks = [{"type": "tool_result", "tool_use_id": called, "content": blocks}]
            messages.append({"role": "user", "content": blocks})
    return "\n".join(system), messages


def _use(call_id: str, function: Object, where: str) -> Object:
    try:
        arguments = wire.decode_plain(function["arguments"] or "{}")
    except ValueError as problem:
        refuse(f"{where}.tool_calls", f"the arguments of {function['name']} are not valid JSON: {problem}")
    return {"type": "tool_use", "id": call_id, "name": function["name"], "input": arguments}


def _blocks(content: Any, where: str) -> list[Object]:
    """Return a message's texts and images; audio and files are ignored."""
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    check(content, ["object"], where)
    found = list[Object]()
    for i, part in enumerate(content):
        match part:
            case {"type": "text", "text": str(text)}:
                found.append({"type": "text", "text": text})
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                found.append({"type": "image", "source": _source(url)})
            case {"type": "text" | "image_url" as kind}:
                refuse(f"{where}.{i}.{kind}", "Field required")
    return found


def _source(url: str) -> Object:
    kind, mark, data = url.removeprefix("data:").partition(";base64,")
    if url.startswith("data:") and mark:
        return {"type": "base64", "media_type": kind, "data": data}
    return {"type": "url", "url": url}


def _choice(said: Object) -> Object:
    message: Object = {"role": "assistant", "content": dialect.text(said) or None, "refusal": None}
    if uses := [block for block in said["content"] if block["type"] == "tool_use"]:
        message["tool_calls"] = [_call(block, wire.encode(block["input"]).decode()) for block in uses]
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": _finished(said)}


def _call(block: Object, arguments: str) -> Object:
    return {
        "id": block["id"],
        "type": "function",
        "function": {"name": block["name"], "arguments": arguments},
    }


def _finished(said: Object) -> str:
    return FINISHED.get(said["stop_reason"], "stop")


def _usage(said: Object) -> Object:
    usage = said["usage"]
    asked = sum(usage[f"{kind}input_tokens"] for kind in ("", "cache_creation_", "cache_read_"))
    told = usage["output_tokens"]
    return {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told}


def _teller(said: Object, about: Object, *, with_usage: bool) -> Callable[[Object], Iterator[bytes]]:
    """Return what makes a chat's lines of an event of Messages."""
    uses = [i for i, block in enumerate(said["content"]) if block["type"] == "tool_use"]

    def line(delta: Object, finished: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finished}
        return _line({**about, "choices": [choice], **({"usage": None} if with_usage else {})})

    def tell(event: Object) -> Iterator[bytes]:
        match event:
            case {"type": "message_start"}:
                yield line({"role": "assistant", "content": ""})
            case {"type": "content_block_start", "index": i, "content_block": {"type": "tool_use"} as block}:
                yield line({"tool_calls": [{"index": uses.index(i), **_call(block, "")}]})
            case {"type": "content_block_delta", "delta": {"text": text}}:
                yield line({"content": text})
            case {"type": "content_block_delta", "index": i, "delta": {"partial_json": piece}}:
                yield line({"tool_calls": [{"index": uses.index(i), "function": {"arguments": piece}}]})
            case {"type": "message_delta"}:
                yield line({}, _finished(said))
            case {"type": "message_stop"}:
                if with_usage:
                    yield _line({**about, "choices": [], "usage": _usage(said)})
                yield b"data: [DONE]\n\n"
            case {"type": "error", "error": error}:
                yield _line({"error": _error(error)})

    return tell


def _line(value: Object) -> bytes:
    return b"data: %s\n\n" % wire.encode(value)


def _error(error: Object) -> Object:
    code = error.get("details", {}).get("error_code")
    return {"message": error["message"], "type": error["type"], "param": None, "code": code}


def dress(response: Response, exchange: Exchange) -> None:
    """Give any answer to this call OpenAI's headers, and an error OpenAI's form."""
    headers = response.headers
    limits = {name: headers.pop(name) for name in [*headers] if name.startswith(PREFIX)}
    headers["openai-version"] = OPENAI_VERSION
    for kind in ("requests", "tokens") if limits else ():
        for what in ("limit", "remaining"):
            headers[f"x-ratelimit-{what}-{kind}"] = limits[f"{PREFIX}{kind}-{what}"]
        reset = seconds(limits[f"{PREFIX}{kind}-reset"], "")
        headers[f"x-ratelimit-reset-{kind}"] = f"{max(0, round(reset - exchange.now))}s"
    if isinstance(response.body, bytes):  # an answer comes in parts: this is a refusal
        told = wire.decode_plain(response.body)
        response.body = wire.encode({"error": _error(told["error"])})


ANSWERS: Answers = {"chat.completions.create": create}

"""What does the service refuse?"""

# ruff: noqa: E501 - a row of a table is read on one line

from __future__ import annotations

import base64
import json
import struct

import pytest

TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
USE = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "15 degrees"}
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
OBJECT = {"type": "object", "additionalProperties": False}


def png(width: int, height: int) -> dict:
    data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    return image(base64.b64encode(data).decode())


def image(data: str, kind: str = "image/png") -> dict:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def text(words: str = "hello", **more) -> dict:
    return {"type": "text", "text": words, **more}


def user(*content) -> dict:
    return {"role": "user", "content": list(content)}


def assistant(*content) -> dict:
    return {"role": "assistant", "content": list(content)}


def document(enabled: bool | None) -> dict:
    source = {"type": "text", "media_type": "text/plain", "data": "Water boils."}
    return {"type": "document", "source": source} | (
        {} if enabled is None else {"citations": {"enabled": enabled}}
    )


def schema(**more) -> dict:
    return {"format": {"type": "json_schema", "schema": {**OBJECT, **more}}}


HI = user(text("hi"))
CASES = [
    # (what is wrong, parameters, the beginning of the service's message)
    ("no model", {"model": ...}, "model: Field required"),
    ("model is a number", {"model": 5}, "model: Input should be a valid string"),
    ("no max_tokens", {"max_tokens": ...}, "max_tokens: Field required"),
    ("max_tokens is text", {"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ("max_tokens is a flag", {"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ("max_tokens negative", {"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ("max_tokens too large", {"max_tokens": 128001}, "max_tokens: 128001 > 128000, which is the maximum"),
    ("max_tokens 0 streamed", {"max_tokens": 0, "stream": True}, "max_tokens: 0 is not supported with `stream`"),
    ("max_tokens 0 forced", {"max_tokens": 0, "tools": [TOOL], "tool_choice": {"type": "any"}}, "max_tokens: 0 is"),
    ("max_tokens 0 with JSON", {"max_tokens": 0, "output_config": schema()}, "max_tokens: 0 is not supported with"),
    ("no messages", {"messages": []}, "messages: at least one message is required"),
    ("messages is an object", {"messages": {}}, "messages: Input should be a valid list"),
    ("bad role", {"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role: Input should be 'user', 'ass"),
    ("no content", {"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ("empty content", {"messages": [{"role": "user", "content": ""}]}, "messages.0.content: all messages must"),
    ("empty text", {"messages": [user(text(), text(""))]}, "messages.0.content.1.text: text content blocks must"),
    ("unknown block", {"messages": [user({"type": "song"})]}, "messages.0.content.0: Input tag 'song' found"),
    ("block without type", {"messages": [user({"text": "x"})]}, "messages.0.content.0.type: Field required"),
    ("unknown field", {"colour": "red"}, "colour: Extra inputs are not permitted"),
    ("unknown inner field", {"messages": [user(text(bold=True))]}, "messages.0.content.0.bold: Extra inputs"),
    ("beta field without a beta", {"mcp_servers": []}, "mcp_servers: Extra inputs are not permitted"),
    ("prefill", {"messages": [HI, assistant(text())]}, "messages: This model does not support assistant message pre"),
    ("user calls a tool", {"messages": [user(USE)]}, "messages.0.content.0: `tool_use` blocks are not permitted in"),
    ("orphan result", {"messages": [HI, user(RESULT)]}, "messages.0.content: unexpected `tool_use_id`"),
    ("result missing", {"messages": [HI, assistant(USE), HI]}, "messages.1: `tool_use` ids were found without"),
    ("result not first", {"messages": [HI, assistant(USE), user(text(), RESULT)]}, "messages.2.content: `tool_result` b"),
    ("result twice", {"messages": [HI, assistant(USE), user(RESULT, RESULT)]}, "messages.2.content: each `tool_use`"),
    ("use ids repeat", {"messages": [HI, assistant(USE, USE), user(RESULT)]}, "messages.1.content: `tool_use` ids must"),
    ("bad tool name", {"tools": [{**TOOL, "name": "get weather"}]}, "tools.0.name: String should match pattern"),
    ("tool without schema", {"tools": [{"name": "x"}]}, "tools.0.input_schema: Field required"),
    ("tool schema no object", {"tools": [{"name": "x", "input_schema": {"type": "string"}}]}, "tools.0.input_schema.type"),
    ("tool schema broken", {"tools": [{"name": "x", "input_schema": {"type": "object", "properties": []}}]}, "tools.0.inp"),
    ("two tools of a name", {"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    ("wrong fixed name", {"tools": [{"type": "bash_20250124", "name": "sh"}]}, "tools.0.name: Input should be 'bash'"),
    ("unknown tool type", {"tools": [{"type": "oven_2026", "name": "x"}]}, "tools.0: Input tag 'oven_2026' found"),
    ("choice without tools", {"tool_choice": {"type": "any"}}, "tool_choice: tool_choice may only be specified"),
    ("choice of no tool", {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice: Tool 'x' not"),
    ("display when disabled", {"thinking": {"type": "disabled", "display": "omitted"}}, "thinking.display: Extra inputs"),
    ("five breakpoints", {"messages": [user(*[text(cache_control=MARK)] * 5)]}, "A maximum of 4 blocks with cache_c"),
    (
        "automatic is the fifth",
        {"cache_control": MARK, "messages": [user(*[text(cache_control=MARK)] * 4, text())]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        "long life after short",
        {"messages": [user(text(cache_control=MARK), text(cache_control=HOUR))]},
        "messages.0.content.1.cache_control.ttl: a ttl='1h' block must not come after",
    ),
    ("open object", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "output_config"),
    ("numeric bound", {"output_config": schema(properties={"n": {"type": "number", "minimum": 0}})}, "output_config.fo"),
    ("unknown type", {"output_config": schema(properties={"s": {"type": "wat"}})}, "output_config.format.schema.properties.s"),
    ("unknown type of a tool", {"tools": [{"name": "t", "input_schema": {"type": ["object", "str"]}}]}, "tools.0."),
    ("string length", {"output_config": schema(properties={"s": {"type": "string", "maxLength": 5}})}, "output_config.f"),
    ("minItems 2", {"output_config": schema(properties={"a": {"type": "array", "minItems": 2}})}, "output_config.format"),
    ("external ref", {"output_config": schema(properties={"a": {"$ref": "https://x.org/s"}})}, "output_config.format.sc"),
    ("recursion", {"output_config": schema(properties={"a": {"$ref": "#"}})}, "output_config.format.schema.properties.a: Rec"),
    (
        "too many optional",
        {"output_config": schema(properties={f"p{i}": {"type": "string"} for i in range(25)})},
        "Schemas contain too many optional parameters (25), limit: 24",
    ),
    (
        "too many unions",
        {
            "output_config": schema(
                properties={f"p{i}": {"type": ["string", "null"]} for i in range(17)},
                required=[f"p{i}" for i in range(17)],
            )
        },
        "Schemas contain too many parameters with union types (17), limit: 16",
    ),
    (
        "too many strict tools",
        {"tools": [{"name": f"t{i}", "strict": True, "input_schema": OBJECT} for i in range(21)]},
        "tools: 21 strict tools, at most 20 are allowed",
    ),
    ("JSON with citations", {"messages": [user(document(True))], "output_config": schema()}, "output_config.format: Cit"),
    ("some citations", {"messages": [user(document(True), document(None))]}, "messages: citations must be enabled on all"),
    ("image is no base64", {"messages": [user(image("€€€"))]}, "messages.0.content.0.source.base64.data: Invalid base64"),
    ("image is another kind", {"messages": [user(image("R0lGODlh"))]}, "messages.0.content.0.source.base64.data: The data"),
    ("image of a wrong type", {"messages": [user(image("AAAA", "image/tiff"))]}, "messages.0.content.0.source.base64.media_t"),
    ("fast not offered", {"speed": "fast"}, "speed: 'fast' is not supported by claude-haiku-5-5"),
    ("altered thinking", {"messages": [HI, assistant({"type": "thinking", "thinking": "no", "signature":
      "cHJhY3RpY2U6ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4"}, text()), HI]}, "messages.1.content.0: Invalid `signature`"),
    ("a system message first", {"model": "claude-opus-5", "messages": [{"role": "system", "content": "x"}, HI]}, "messages.0.role"),
]  # fmt: skip


@pytest.mark.parametrize(("params", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_wrong_request_is_refused_with_400_and_the_place(api, params, message):
    status, said = api.refused(**params)
    assert (400, message) == (status, said[: len(message)])


MODELS = [
    # (model, parameters, the status)
    ("claude-opus-5-5", {"tool_choice": {"type": "any"}, "tools": [TOOL]}, 400),
    ("claude-haiku-5-5", {"tool_choice": {"type": "any"}, "tools": [TOOL]}, 200),
    ("claude-haiku-5-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, 400),
    ("claude-haiku-5-5", {"thinking": {"type": "between_tools"}}, 400),
    ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, 200),
    ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}}, 400),
    ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}, 200),
    ("claude-haiku-5-5", {"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}}, 400),
    ("claude-fable-5", {"thinking": {"type": "disabled"}}, 400),
    ("claude-sonnet-4-5", {"thinking": {"type": "adaptive"}}, 400),
    ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, 200),
    ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1023}, "max_tokens": 2000}, 400),
    ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 2000}, 400),
    ("claude-sonnet-4-5", {"output_config": {"effort": "low"}}, 400),
    ("claude-opus-4-5", {"output_config": {"effort": "high"}}, 200),
    ("claude-opus-4-5", {"output_config": {"effort": "max"}}, 400),
    ("claude-fable-5-2", {"output_config": {"effort": "max"}}, 200),
    ("claude-sonnet-4-5", {"messages": [HI, assistant(text())]}, 200),
    ("claude-sonnet-4-6", {"messages": [HI, assistant(text())]}, 400),
    ("claude-sonnet-4-5", {"messages": [HI, assistant(text("{"))], "output_config": schema()}, 400),
    ("claude-sonnet-4-5", {"inference_geo": "us"}, 400),
    ("claude-sonnet-4-6", {"inference_geo": "us"}, 200),
    ("claude-opus-5-5", {"speed": "fast"}, 200),
    ("claude-opus-5", {"speed": "fast"}, 400),
    ("claude-opus-5", {"speed": "fast", "headers": {"anthropic_beta": "a,fast-mode-2026-02-01"}}, 200),
    ("claude-opus-4-7", {"speed": "fast"}, 400),
    ("claude-opus-4-6", {"speed": "fast", "headers": {"anthropic_beta": "fast-mode-2026-02-01"}}, 200),
    ("claude-opus-5", {"messages": [HI, {"role": "system", "content": "Be brief."}]}, 200),
    ("claude-sonnet-5", {"messages": [HI, {"role": "system", "content": "Be brief."}]}, 400),
    ("claude-sonnet-4-5", {"max_tokens": 64_001}, 400),
    ("claude-3-haiku-20240307", {}, 404),
    ("claude-nothing-9", {}, 404),
    ("haiku", {}, 404),
]  # fmt: skip


@pytest.mark.parametrize(("model", "params", "status"), MODELS)
def test_each_model_has_its_own_rules(api, model, params, status):
    assert status == api.post(model=model, **params).status


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_parameters_belong_to_the_old_version_and_to_older_models(api, name):
    old = {"anthropic_version": "2023-06-01"}
    assert (400, f"{name}: Extra inputs are not permitted") == api.refused(**{name: 1})
    assert 400 == api.post(**{name: 0.5 if name != "top_k" else 5}, headers=old).status
    assert 200 == api.post(**{name: 0 if name == "top_k" else 1}, headers=old).status
    assert 200 == api.post(**{name: 1}, model="claude-sonnet-4-6", headers=old).status
    assert 400 == api.post(**{name: -1}, model="claude-sonnet-4-6", headers=old).status


@pytest.mark.parametrize(
    "messages",
    [
        [HI, assistant(document(None)), HI],
        [user(text(citations=[{"type": "char_location"}]))],
        [user({"type": "search_result", "source": "a", "title": "b", "content": [text(citations=[{}])]})],
    ],
)
def test_the_new_version_refuses_what_the_old_one_took(api, messages):
    assert 400 == api.post(messages=messages).status
    assert 200 == api.post(messages=messages, headers={"anthropic_version": "2023-06-01"}).status


def test_a_giant_picture_has_an_error_code_with_the_place(api):
    response = api.post([text(), png(8001, 10)])
    details = {
        "error_code": "image_dimensions_too_large",
        "max_side_length_pixels": 8000,
        "paths": ["messages.0.content.1"],
    }
    assert (400, details) == (response.status, _error(response)["details"])


def test_too_many_pictures_are_refused_sooner_on_a_small_window(api):
    pictures = [png(10, 10)] * 101
    assert (400, "messages: too many images and pages: 101 > 100") == api.refused(
        pictures, model="claude-haiku-4-5"
    )
    assert 200 == api.post(pictures).status


def test_a_prompt_beyond_the_window_is_refused(api):
    status, said = api.refused("word " * 160_000, model="claude-haiku-4-5")
    assert (400, "prompt is too long: ") == (status, said[:20])


def test_beta_fields_and_blocks_pass_with_a_beta_header(api):
    beta = {"anthropic_beta": "context-management-2025-06-27"}
    assert 200 == api.post(context_management={"edits": []}, headers=beta).status


def test_neighbours_of_one_role_are_one_message(api):
    messages = [HI, HI, assistant(text()), assistant(USE), user(RESULT), user(text("and now?"))]
    assert 200 == api.post(messages=messages).status


def test_counting_takes_no_max_tokens_and_has_the_same_rules(api):
    assert (400, "max_tokens: Extra inputs are not permitted") == api.refused(
        path="/v1/messages/count_tokens"
    )
    counted = api.post("", path="/v1/messages/count_tokens", max_tokens=...)
    assert 400 == counted.status


def _error(response):
    return json.loads(response.body)["error"]

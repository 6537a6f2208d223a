"""How are text completions and OpenAI's chat completions answered?"""

from __future__ import annotations

import base64
import json
import random
import struct

import pytest

from claude_magic.practice import Limits
from tests.practice.conftest import parse, read, refused, whole

MODEL = "claude-haiku-5-5"
OLD = "claude-haiku-4-5"  # takes sampling parameters, and words in its mouth
TEXT = "What does the pilot cost?\n\nThe pilot costs 40 euros. Boats over 12 metres need a pilot."
PROMPT = "\n\nHuman: What does the pilot cost? The pilot costs 40 euros.\n\nAssistant:"
SAID = " [practice] The pilot costs 40 euros."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the current weather in a city", "parameters": CITY}
TOOL = {"type": "function", "function": WEATHER}
ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


def complete(api, prompt=PROMPT, *, headers=None, **params):
    asked = {"model": MODEL, "prompt": prompt, "max_tokens_to_sample": 256, **params}
    return api.send("POST", "/v1/complete", asked, **(headers or {}))


def chat(api, messages=TEXT, *, headers=None, **params):
    """Ask as OpenAI's clients do, which send no version."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    asked = {"model": MODEL, "messages": messages, **params}
    return api.send("POST", "/v1/chat/completions", asked, **{"anthropic_version": None, **(headers or {})})


def answered(response):
    assert 200 == response.status, read(response)
    return read(response)


def chunks(response):
    """The chunks of a chat's stream, and what ends it."""
    *lines, last = [line.removeprefix("data: ") for line in whole(response).decode().split("\n\n")[:-1]]
    return [json.loads(line) for line in lines], last


# text completions


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
def test_a_completion_has_the_services_fields(api, version):
    assert {
        "type": "completion",
        "id": "compl_practice_000001",
        "completion": SAID,
        "stop_reason": "stop_sequence",
        "model": MODEL,
        "stop": "\n\nHuman:",
    } == answered(complete(api, headers={"anthropic_version": version}))


@pytest.mark.parametrize(
    ("params", "ending"),
    [
        ({"max_tokens_to_sample": 5}, (" [practice] The ", "max_tokens", None)),
        ({"stop_sequences": ["costs"]}, (" [practice] The pilot ", "stop_sequence", "costs")),
    ],
)
def test_a_completion_ends_at_its_limit_or_a_stop_sequence(api, params, ending):
    found = answered(complete(api, **params))
    assert ending == (found["completion"], found["stop_reason"], found["stop"])


def test_the_turns_of_a_prompt_are_those_of_messages_and_what_comes_before_is_the_system_prompt(api):
    complete(
        api, "Be brief.\n\nHuman: My name is Ada.\n\nAssistant: Hello Ada.\n\nHuman: Who am I?\n\nAssistant:"
    )
    turns = [("user", "My name is Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")]
    messages = [{"role": role, "content": text} for role, text in turns]
    alone = api.message(messages=messages, system="Be brief.")
    first, second = api.app.used
    assert alone["usage"] == first.usage == second.usage
    assert ("messages_api", MODEL) == (first.product, first.model)


@pytest.mark.parametrize("prompt", [PROMPT.strip(), f"{PROMPT} \n"])
def test_a_prompt_is_tidied_where_the_service_does(api, prompt):
    assert SAID == answered(complete(api, prompt))["completion"]


START = r'prompt must start with "\n\nHuman:" turn after an optional system prompt'
END = r'prompt must end with "\n\nAssistant:" turn'


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("Hello, world", START),
        ("", START),
        ("Hello, world\n\nAssistant:", START),
        ("\n\nAssistant: Hello, world\n\nHuman: Hello, Claude\n\nAssistant:", START),
        ("\n\nHuman: Hello, Claude", END),
        ("\n\nHuman: Hello, Claude\n\nAssistant: Hello\n\nHuman: How many toes do dogs have?", END),
        ("\n\nHuman: Hello, Claude \nAssistant:", END),
        ("\n\nHuman:\n\nAssistant:", "prompt: all messages must have non-empty content"),
        ("\n\nHuman: Hi\n\nAssistant: Well", "prompt: This model does not support assistant message prefill"),
    ],
)
def test_a_prompt_without_its_turns_is_refused(api, prompt, message):
    status, told = refused(complete(api, prompt))
    assert (400, message) == (status, told[: len(message)])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_tokens_to_sample": 0}, "max_tokens_to_sample: Input should be greater than or equal to 1"),
        ({"max_tokens_to_sample": 10**7}, "max_tokens_to_sample: 10000000 > "),
        ({"max_tokens_to_sample": "5"}, "max_tokens_to_sample: Input should be a valid integer"),
        ({"prompt": 5}, "prompt: Input should be a valid string"),
        ({"messages": []}, "messages: Extra inputs are not permitted"),
        ({"temperature": 0.5}, "temperature: this model takes no other value than the default (1)"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
    ],
)
def test_other_fields_of_a_completion_are_checked_by_their_own_names(api, params, message):
    status, told = refused(complete(api, **params))
    assert (400, message) == (status, told[: len(message)])


def test_an_older_model_takes_a_temperature_and_words_to_begin_with(api):
    prompt = PROMPT.strip() + " Well,"
    found = answered(
        complete(api, prompt, model=OLD, temperature=0.2, top_p=0.9, top_k=5, metadata={"user_id": "u"})
    )
    assert SAID == found["completion"]


def test_an_unknown_model_is_not_found(api):
    assert (404, "model: claude-nothing") == refused(complete(api, model="claude-nothing"))


def test_a_streamed_completion_adds_up_to_the_plain_one(api, make_api):
    plain = answered(complete(make_api()))
    response = complete(api, stream=True)
    events = parse(whole(response))
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    assert {"completion", "ping"} == {event["type"] for event in events}
    told = [event for event in events if event["type"] == "completion"]
    assert plain == told[-1] | {"completion": "".join(event["completion"] for event in told)}
    assert {None} == {event["stop_reason"] for event in told[:-1]}
    assert len(told) > 3


def test_drills_work_in_completions_too(api):
    failing = complete(api, PROMPT.replace("What", "practice:error-mid-stream What"), stream=True)
    assert "overloaded_error" == parse(whole(failing))[-1]["error"]["type"]
    cut = list(complete(api, PROMPT.replace("What", "practice:cut What")).parts())
    assert isinstance(cut[-1], ConnectionError)
    with pytest.raises(ValueError):
        json.loads(cut[0])
    for ask in (complete, chat):
        assert 429 == ask(api, PROMPT.replace("What", "practice:429 What")).status


# OpenAI's chat completions


def test_a_chat_has_openais_fields(api):
    said = "[practice] The pilot costs 40 euros."
    message = {"role": "assistant", "content": said, "refusal": None}
    assert {
        "id": "msg_practice_000001",
        "created": 1_000_000,
        "model": MODEL,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 21, "completion_tokens": 12, "total_tokens": 33},
    } == answered(chat(api, "What does the pilot cost?\n\nThe pilot costs 40 euros."))


def test_a_chat_is_counted_and_charged_for_as_a_message(api):
    usage = answered(chat(api, max_tokens=256))["usage"]
    alone = api.message(TEXT, max_tokens=256)
    first, second = api.app.used
    assert alone["usage"] == first.usage == second.usage
    assert {
        "prompt_tokens": alone["usage"]["input_tokens"],
        "completion_tokens": alone["usage"]["output_tokens"],
        "total_tokens": alone["usage"]["input_tokens"] + alone["usage"]["output_tokens"],
    } == usage


def test_a_chats_headers_are_openais(make_api):
    api = make_api(limits=Limits(requests=2))
    headers = chat(api).headers
    assert ("2020-10-01", "2", "1", "30s") == (
        headers["openai-version"],
        *(headers[f"x-ratelimit-{what}-requests"] for what in ("limit", "remaining", "reset")),
    )
    assert {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"} <= set(
        headers
    )
    assert not [name for name in headers if name.startswith("anthropic-ratelimit")]
    assert headers["request-id"].startswith("req_")
    api.post()
    response = chat(api)  # the same limits as those of messages
    assert (429, "30") == (response.status, response.headers["retry-after"])


def test_system_and_developer_messages_are_joined_and_put_first(api):
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": TEXT},
        {"role": "developer", "content": [{"type": "text", "text": "In one sentence."}]},
    ]
    chat(api, given, max_tokens=99)
    api.message(TEXT, system="Be brief.\nIn one sentence.", max_tokens=99)
    first, second = api.app.used
    assert first.usage == second.usage


@pytest.mark.parametrize(
    ("params", "ending"),
    [
        ({}, ("[practice] The pilot costs 40 euros. Boats over 12 metres need a pilot.", "stop")),
        ({"max_tokens": 5}, ("[practice] The ", "length")),
        ({"max_completion_tokens": 5, "max_tokens": 99}, ("[practice] The ", "length")),
        ({"stop": "costs"}, ("[practice] The pilot ", "stop")),
        ({"stop": [" ", "costs", "\n"]}, ("[practice] The pilot ", "stop")),
        ({"stop": None, "n": 1, "tools": None, "stream": False}, None),
        ({"seed": 7, "logprobs": True, "response_format": {"type": "json_object"}, "user": "u"}, None),
        ({"model": OLD, "temperature": 1.7, "top_p": 0.9}, None),
        ({"thinking": {"type": "adaptive"}}, None),
    ],
    ids=str,
)
def test_what_a_chat_honours_and_what_it_ignores(api, params, ending):
    (choice,) = answered(chat(api, **params))["choices"]
    expected = ending or ("[practice] The pilot costs 40 euros. Boats over 12 metres need a pilot.", "stop")
    assert expected == (choice["message"]["content"], choice["finish_reason"])


def test_a_refusal_of_the_model_is_a_content_filter(api):
    assert "content_filter" == answered(chat(api, f"practice:refuse {TEXT}"))["choices"][0]["finish_reason"]


@pytest.mark.parametrize(
    "params",
    [
        {"tools": [TOOL]},
        {"functions": [WEATHER]},
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        {"functions": [WEATHER], "function_call": {"name": "get_weather"}},
    ],
    ids=str,
)
def test_tools_and_functions_give_tool_calls(api, params):
    (choice,) = answered(chat(api, ASKED, **params))["choices"]
    assert (None, "tool_calls") == (choice["message"]["content"], choice["finish_reason"])
    assert [
        {
            "id": "toolu_practice_000001",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        }
    ] == choice["message"]["tool_calls"]


def test_a_tool_can_be_forbidden_and_two_calls_at_once_too(api):
    none = answered(chat(api, ASKED, tools=[TOOL], tool_choice="none"))["choices"][0]
    assert "stop" == none["finish_reason"]
    tools = [{"type": "function", "function": {"name": name}} for name in ("look", "listen")]
    both = "Use look and listen."
    calls = [
        len(answered(chat(api, both, tools=tools, **more))["choices"][0]["message"]["tool_calls"])
        for more in ({}, {"parallel_tool_calls": False})
    ]
    assert [2, 1] == calls


@pytest.mark.parametrize("legacy", [False, True])
def test_a_tools_result_is_answered(api, legacy):
    (choice,) = answered(chat(api, ASKED, tools=[TOOL]))["choices"]
    (call,) = choice["message"]["tool_calls"]
    if legacy:
        called = {"role": "assistant", "content": None, "function_call": call["function"]}
        result = {"role": "function", "name": "get_weather", "content": "15 degrees in Paris"}
    else:
        called = choice["message"]
        result = {"role": "tool", "tool_call_id": call["id"], "content": "15 degrees in Paris"}
    found = answered(chat(api, [*ASKED, called, result], tools=[TOOL]))
    assert "[practice] 15 degrees in Paris" == found["choices"][0]["message"]["content"]


def test_an_image_in_a_data_address_is_seen_and_sound_is_ignored(api):
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 100, 80)).decode()
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "text", "text": "What is this?"},
    ]
    said = answered(chat(api, [{"role": "user", "content": content}]))["choices"][0]["message"]["content"]
    assert "a PNG of 100 by 80 pixels" in said
    assert "given by reference" in said


def test_a_streamed_chat_adds_up_to_the_plain_one(api, make_api):
    plain = answered(chat(make_api()))
    found, last = chunks(chat(api, stream=True, stream_options={"include_usage": True}))
    assert ("[DONE]", {"role": "assistant", "content": ""}) == (last, found[0]["choices"][0]["delta"])
    *told, ending, usage = found
    message = plain["choices"][0]
    assert message["message"]["content"] == "".join(c["choices"][0]["delta"]["content"] for c in told)
    assert ({}, message["finish_reason"]) == (
        ending["choices"][0]["delta"],
        ending["choices"][0]["finish_reason"],
    )
    assert ([], plain["usage"]) == (usage["choices"], usage["usage"])
    assert {None} == {c["usage"] for c in (*told, ending)}
    assert {("chat.completion.chunk", plain["id"], 1_000_000)} == {
        (c["object"], c["id"], c["created"]) for c in found
    }


def test_a_streamed_chat_has_no_usage_unasked_and_its_tool_calls_come_in_pieces(api):
    found, _ = chunks(chat(api, ASKED, tools=[TOOL], stream=True))
    assert not [c for c in found if "usage" in c or not c["choices"]]
    calls = [
        c["choices"][0]["delta"]["tool_calls"][0] for c in found if "tool_calls" in c["choices"][0]["delta"]
    ]
    first = {"name": "get_weather", "arguments": ""}
    assert {"index": 0, "id": "toolu_practice_000001", "type": "function", "function": first} == calls[0]
    assert '{"city":"Paris"}' == "".join(call["function"]["arguments"] for call in calls)
    assert "tool_calls" == found[-1]["choices"][0]["finish_reason"]


def test_an_error_amid_a_streamed_chat_ends_it(api):
    found, last = chunks(chat(api, f"practice:error-mid-stream {TEXT}", stream=True))
    error = {"message": "Overloaded", "type": "overloaded_error", "param": None, "code": None}
    assert {"error": error} == json.loads(last)
    assert found


@pytest.mark.parametrize(
    ("params", "status", "error"),
    [
        ({"headers": {"authorization": "Bearer hunter2"}}, 401, ("authentication_error", None)),
        ({"model": "gpt-5"}, 404, ("not_found_error", None)),
        ({"messages": "practice:spend-limit"}, 429, ("rate_limit_error", "enforced_spend_limit_reached")),
        ({"n": 2}, 400, ("invalid_request_error", None)),
        ({"temperature": 0.5}, 400, ("invalid_request_error", None)),
        ({"tool_choice": "get_weather"}, 400, ("invalid_request_error", None)),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, 400, ("invalid_request_error", None)),
        ({"messages": [*ASKED, {"role": "tool", "content": "x"}]}, 400, ("invalid_request_error", None)),
    ],
    ids=str,
)
def test_errors_have_openais_form(api, params, status, error):
    response = chat(api, **params)
    found = read(response)
    assert (status, {"error"}, {"message", "type", "param", "code"}) == (
        response.status,
        set(found),
        set(found["error"]),
    )
    assert error == (found["error"]["type"], found["error"]["code"])
    assert "2020-10-01" == response.headers["openai-version"]


SOUND = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
    ],
    "tools": [TOOL],
    "functions": [{"name": "f"}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stop": ["z"],
    "temperature": 1,
    "max_tokens": 100,
    "stream": True,
    "stream_options": {"include_usage": True},
    "prompt": PROMPT,
    "max_tokens_to_sample": 9,
}  # fmt: skip
JUNK = [None, True, -1, 1.5, "", "x", [], {}, [None], [[]], {"type": "text"}, 10**30, "\ud83d"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/complete"])
def test_no_body_makes_them_raise(make_api, path):
    dice, api = random.Random(7), make_api(limits=Limits(requests=10**6))

    def spoiled(value, odds):
        if dice.random() < odds:
            return dice.choice(JUNK)
        if isinstance(value, dict):
            return {k: spoiled(v, odds) for k, v in value.items() if dice.random() > odds / 2}
        return [spoiled(v, odds) for v in value] if isinstance(value, list) else value

    chosen = set(SOUND) if "chat" in path else {"model", "prompt", "max_tokens_to_sample", "stream"}
    sound = {name: value for name, value in SOUND.items() if name in chosen}
    statuses = set()
    for n in range(1_000):
        response = api.send("POST", path, spoiled(sound, 0.03 * (n % 3)))
        statuses.add(response.status)
        list(response.parts())
    assert {200, 400} <= statuses <= {200, 400, 404}


def test_a_chat_path_that_there_is_not_is_refused_in_openais_form(api):
    for method, path in (("GET", "/v1/chat/completions"), ("POST", "/v1/chat/of_tomorrow")):
        response = api.send(method, path, anthropic_version=None)
        error = read(response)["error"]
        assert (404, f"Not Found: {method} {path}") == (response.status, error["message"])
        assert {"message", "type", "param", "code"} == set(error)
        assert "2020-10-01" == response.headers["openai-version"]


def test_a_list_of_models_without_a_version_says_what_openais_clients_can_reach(api):
    status, told = refused(api.send("GET", "/v1/models", anthropic_version=None))
    assert 400 == status
    assert "2026-10-21" in told and "/v1/chat/completions" in told


def test_a_short_answer_comes_word_by_word(api):
    found, _ = chunks(chat(api, "What does the pilot cost? The pilot costs 40 euros.", stream=True))
    words = [piece for one in found for c in one["choices"] if (piece := c["delta"].get("content"))]
    assert "".join(words) == SAID.strip()
    assert len(SAID.split()) == len(words)

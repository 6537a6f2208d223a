"""Do examples in the style of the official documentation run after the import is changed?

Each function is such an example, with `anthropic` standing for claude_magic; the practice server answers.
"""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

import claude_magic as anthropic

MODEL = "claude-haiku-5-5"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city"}},
        "required": ["location"],
    },
}


@pytest.fixture(autouse=True)
def _practice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "practice:")


def test_create() -> None:
    client = anthropic.Anthropic()
    message = client.messages.create(
        model=MODEL, max_tokens=1024, messages=[{"role": "user", "content": "Hello, Claude"}]
    )
    assert "text" == message.content[0].type
    assert message.content[0].text
    assert "end_turn" == message.stop_reason
    assert message.usage.input_tokens > 0
    assert message.id.startswith("msg_")


def test_stream() -> None:
    client = anthropic.Anthropic()
    with client.messages.stream(
        model=MODEL, max_tokens=1024, messages=[{"role": "user", "content": "Say hello there!"}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == stream.get_final_text()


def test_stream_events() -> None:
    client = anthropic.Anthropic()
    text = ""
    with client.messages.stream(
        model=MODEL, max_tokens=256, messages=[{"role": "user", "content": "Count to three"}]
    ) as stream:
        for event in stream:
            if event.type == "text":
                text += event.text
                assert text == event.snapshot
            elif event.type == "content_block_stop":
                assert event.content_block.type in ("text", "thinking")
            elif event.type == "message_stop":
                assert text == event.message.content[-1].text


def test_stream_by_parameter() -> None:
    client = anthropic.Anthropic()
    kinds = [
        event.type
        for event in client.messages.create(
            model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
    ]
    assert ("message_start", "message_stop") == (kinds[0], kinds[-1])


def test_async_create_and_stream() -> None:
    async def main() -> None:
        client = anthropic.AsyncAnthropic()
        message = await client.messages.create(
            model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hello"}]
        )
        assert message.content[0].text
        async with client.messages.stream(
            model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hello"}]
        ) as stream:
            pieces = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
        assert "".join(pieces) == final.content[0].text
        assert MODEL in [model.id async for model in client.models.list(limit=5)]

    asyncio.run(main())


def test_a_conversation() -> None:
    client = anthropic.Anthropic()
    messages: list[dict[str, object]] = [{"role": "user", "content": "My name is Ada."}]
    first = client.messages.create(model=MODEL, max_tokens=128, messages=messages)
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": "What is my name?"},
    ]
    second = client.messages.create(model=MODEL, max_tokens=128, messages=messages)
    assert "Ada" in second.content[0].text


def test_a_system_prompt() -> None:
    client = anthropic.Anthropic()
    asked = {"model": MODEL, "max_tokens": 128, "messages": [{"role": "user", "content": "Hello"}]}
    without = client.messages.create(**asked)
    told = client.messages.create(**asked, system="You are a seasoned data scientist.")
    assert told.usage.input_tokens > without.usage.input_tokens


def test_stop_sequences_and_max_tokens() -> None:
    client = anthropic.Anthropic()
    question = [{"role": "user", "content": "Repeat: the cat sat on the mat. What did the cat do?"}]
    stopped = client.messages.create(model=MODEL, max_tokens=512, messages=question, stop_sequences=["cat"])
    assert ("stop_sequence", "cat") == (stopped.stop_reason, stopped.stop_sequence)
    assert "cat" not in stopped.content[0].text
    cut = client.messages.create(model=MODEL, max_tokens=3, messages=question)
    assert "max_tokens" == cut.stop_reason


def test_tool_use() -> None:
    client = anthropic.Anthropic()
    question = {"role": "user", "content": "What is the weather in Paris?"}
    message = client.messages.create(
        model=MODEL, max_tokens=1024, tools=[WEATHER], tool_choice={"type": "any"}, messages=[question]
    )
    assert "tool_use" == message.stop_reason
    call = next(block for block in message.content if block.type == "tool_use")
    assert ("get_weather", True) == (call.name, "Paris" in call.input["location"])
    answer = client.messages.create(
        model=MODEL,
        max_tokens=1024,
        tools=[WEATHER],
        messages=[
            question,
            {"role": "assistant", "content": message.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call.id, "content": "15 degrees and sunny"}
                ],
            },
        ],
    )
    assert "15" in answer.content[-1].text


def test_streaming_a_tool_call() -> None:
    client = anthropic.Anthropic()
    with client.messages.stream(
        model=MODEL,
        max_tokens=1024,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
        messages=[{"role": "user", "content": "Weather in Lima?"}],
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
    call = stream.get_final_message().content[-1]
    assert json.loads("".join(pieces)) == call.input


def test_an_image() -> None:
    client = anthropic.Anthropic()
    message = client.messages.create(
        model=MODEL,
        max_tokens=256,
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": base64.b64encode(PIXEL).decode(),
                        },
                    },
                    {"type": "text", "text": "Describe this image."},
                ],
            }
        ],
    )
    assert message.content[0].text


def test_thinking() -> None:
    client = anthropic.Anthropic()
    message = client.messages.create(
        model="claude-opus-5-5",
        max_tokens=2048,
        thinking={"type": "adaptive", "display": "summarized"},
        messages=[{"role": "user", "content": "Are there infinitely many primes with n mod 4 == 3?"}],
    )
    thoughts = [block for block in message.content if block.type == "thinking"]
    assert thoughts[0].thinking
    assert thoughts[0].signature
    assert "text" == message.content[-1].type


def test_structured_output() -> None:
    client = anthropic.Anthropic()
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "plan": {"type": "string", "enum": ["free", "pro", "enterprise"]},
            "seats": {"type": "integer"},
        },
        "required": ["name", "plan", "seats"],
        "additionalProperties": False,
    }
    message = client.messages.create(
        model=MODEL,
        max_tokens=512,
        messages=[{"role": "user", "content": "Jane Doe wants the enterprise plan with 40 seats."}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    made = json.loads(message.content[0].text)
    assert {"name", "plan", "seats"} == made.keys()
    assert ("enterprise", 40) == (made["plan"], made["seats"])


def test_counting_tokens() -> None:
    client = anthropic.Anthropic()
    count = client.messages.count_tokens(
        model=MODEL, system="You are a scientist", messages=[{"role": "user", "content": "Hello, Claude"}]
    )
    assert json.loads(count.model_dump_json()) == {"input_tokens": count.input_tokens}


def test_listing_models() -> None:
    client = anthropic.Anthropic()
    names = [model.id for model in client.models.list(limit=3)]
    assert len(names) > 3
    assert names[0] == client.models.list(limit=3).data[0].id
    assert "Claude Haiku 5.5" == client.models.retrieve(MODEL).display_name


def test_error_handling() -> None:
    client = anthropic.Anthropic()
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(
            model="claude-of-tomorrow", max_tokens=1024, messages=[{"role": "user", "content": "Hello"}]
        )
    assert isinstance(caught.value, anthropic.NotFoundError)
    assert 404 == caught.value.status_code
    assert caught.value.request_id
    with pytest.raises(anthropic.RateLimitError):
        client.with_options(max_retries=0).messages.create(
            model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "practice:429"}]
        )
    with pytest.raises(anthropic.APIConnectionError):
        anthropic.Anthropic(
            api_key="practice-key", base_url="http://127.0.0.1:9", max_retries=0
        ).messages.create(model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hello"}])

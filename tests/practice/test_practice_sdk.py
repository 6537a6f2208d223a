"""Does the official SDK, unmodified, take the practice server for the service?"""

from __future__ import annotations

import asyncio
import base64
import struct
import threading

import anthropic
import pytest

from claude_magic.practice import Limits, Practice
from claude_magic.practice.server import listen

MODEL = "claude-haiku-5-5"
TEXT = "What does the pilot cost?\n\nThe pilot costs 40 euros. Boats over 12 metres need a pilot."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the current weather in a city", "input_schema": CITY}


class Served:
    """A practice server on a port of this machine, on a thread of its own; `asked` counts the requests."""

    def __init__(self, app: Practice) -> None:
        self.app, self.asked = app, 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server, self.url = self._on_loop(self._listen())

    async def _listen(self):
        def counted(request):
            self.asked += 1
            return self.app(request)

        return listen(counted, 0)

    def _on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._on_loop(self._server.close_all_connections())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


@pytest.fixture
def served():
    server = Served(Practice())
    yield server
    server.close()


@pytest.fixture
def sdk(served):
    with anthropic.Anthropic(
        api_key="practice", base_url=served.url, _strict_response_validation=True
    ) as client:
        yield client


def ask(content=TEXT, **params):
    return {"model": MODEL, "max_tokens": 256, "messages": [{"role": "user", "content": content}], **params}


def test_create(sdk):
    message = sdk.messages.create(**ask())
    assert "[practice] The pilot costs 40 euros." in message.content[0].text
    assert ("end_turn", None) == (message.stop_reason, message.stop_sequence)
    assert message._request_id.startswith("req_")
    assert "wrkspc_practice" == message._workspace_id


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"tools": [WEATHER], "tool_choice": {"type": "any"}},
        {"thinking": {"type": "adaptive", "display": "summarized"}},
        {"thinking": {"type": "adaptive"}},
        {"stop_sequences": ["pilot"]},
    ],
)
def test_a_stream_gives_the_same_message_as_create(served, params):
    answers = []
    for streamed in (False, True):
        served.app = Practice()
        strict = {"api_key": "practice", "base_url": served.url, "_strict_response_validation": True}
        with anthropic.Anthropic(**strict) as client:
            if streamed:
                with client.messages.stream(**ask(**params)) as stream:
                    answers.append(stream.get_final_message().to_dict())
            else:
                answers.append(client.messages.create(**ask(**params)).to_dict())
    plain, streamed = (_known(answer) for answer in answers)
    assert plain == streamed


def _known(value):
    """Without what is null, and without what the SDK adds to what it parsed itself."""
    if isinstance(value, dict):
        return {k: _known(v) for k, v in value.items() if v is not None and k != "parsed_output"}
    return [_known(v) for v in value] if isinstance(value, list) else value


def test_text_stream_and_helper_events(sdk):
    with sdk.messages.stream(**ask()) as stream:
        assert "".join(stream.text_stream) == stream.get_final_text()
    with sdk.messages.stream(**ask(tools=[WEATHER], tool_choice={"type": "any"})) as stream:
        kinds = {event.type for event in stream}
    assert {"message_start", "input_json", "content_block_stop", "message_stop"} <= kinds


def test_raw_stream(sdk):
    kinds = [event.type for event in sdk.messages.create(**ask(), stream=True)]
    assert ("message_start", "message_stop") == (kinds[0], kinds[-1])


def test_citations(sdk):
    source = {"type": "text", "media_type": "text/plain", "data": TEXT}
    document = {"type": "document", "source": source, "citations": {"enabled": True}}
    with sdk.messages.stream(**ask([document, {"type": "text", "text": "the pilot"}])) as stream:
        message = stream.get_final_message()
    assert "char_location" == message.content[1].citations[0].type


def test_a_tool_loop(sdk):
    first = sdk.messages.create(**ask("What is the weather in Paris?", tools=[WEATHER]))
    call = first.content[0]
    assert ("tool_use", {"city": "Paris"}) == (first.stop_reason, call.input)
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "15 degrees in Paris"}
    turns = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = sdk.messages.create(model=MODEL, max_tokens=256, tools=[WEATHER], messages=turns)
    assert "15 degrees in Paris" in second.content[0].text


def test_parse_with_a_pydantic_model(sdk):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    message = sdk.messages.parse(**ask("Ada Lovelace is 36 years old."), output_format=Person)
    assert Person(name="Ada Lovelace", age=36) == message.parsed_output


def test_images_count_tokens_and_models(sdk):
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 100, 100)).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    content = [image, {"type": "text", "text": "What is this?"}]
    message = sdk.messages.create(**ask(content))
    counted = sdk.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": content}])
    assert message.usage.input_tokens == counted.input_tokens
    listed = list(sdk.models.list(limit=5))
    assert len(listed) > 10
    assert listed[3] == sdk.models.retrieve(listed[3].id)


@pytest.mark.parametrize(
    ("prompt", "kind", "attempts"),
    [
        ("practice:400", anthropic.BadRequestError, 1),
        ("practice:401", anthropic.AuthenticationError, 1),
        ("practice:403", anthropic.PermissionDeniedError, 1),
        ("practice:404", anthropic.NotFoundError, 1),
        ("practice:409", anthropic.ConflictError, 3),
        ("practice:429", anthropic.RateLimitError, 3),
        ("practice:500", anthropic.InternalServerError, 3),
        ("practice:529", anthropic.InternalServerError, 3),
    ],
)
def test_errors_have_the_sdks_classes_and_are_tried_again_as_it_does(served, sdk, prompt, kind, attempts):
    with pytest.raises(kind) as caught:
        sdk.messages.create(**ask(prompt))
    assert attempts == served.asked
    assert caught.value.request_id == caught.value.body["request_id"]


def test_a_retry_that_is_answered(served, sdk):
    assert "[practice]" in sdk.messages.create(**ask(f"practice:529x2 {TEXT}")).content[0].text
    assert 3 == served.asked


def test_real_limits_and_wrong_input(served, sdk):
    served.app = Practice(limits=Limits(requests=1))
    sdk.messages.create(**ask())
    with pytest.raises(anthropic.RateLimitError) as caught:
        sdk.with_options(max_retries=0).messages.create(**ask())
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 60
    served.app = Practice()
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.create(**ask(model="claude-nothing"))
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        sdk.messages.create(**ask(extra_body={"temperature": 1}))
    with pytest.raises(anthropic.AuthenticationError):
        sdk.with_options(api_key="hunter2").messages.create(**ask())


def test_an_error_amid_a_stream_and_a_cut(sdk):
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        sdk.messages.stream(**ask("practice:error-mid-stream")) as s,
    ):
        s.get_final_message()
    assert "overloaded_error" == caught.value.type
    with (
        pytest.raises(Exception, match=r"closed|peer|incomplete"),
        sdk.messages.stream(**ask("practice:cut")) as s,
    ):
        s.get_final_message()


def test_a_refusal_of_the_model(sdk):
    message = sdk.messages.create(**ask("practice:refuse"))
    assert ("refusal", "refusal") == (message.stop_reason, message.stop_details.type)


def test_async_create_and_stream(served):
    async def main():
        strict = {"api_key": "practice", "base_url": served.url, "_strict_response_validation": True}
        async with anthropic.AsyncAnthropic(**strict) as client:
            message = await client.messages.create(**ask())
            async with client.messages.stream(**ask()) as stream:
                text = "".join([piece async for piece in stream.text_stream])
            models = [m.id async for m in client.models.list(limit=3)]
        return message.content[0].text, text, models

    plain, streamed, models = asyncio.run(main())
    assert plain == streamed
    assert MODEL in models

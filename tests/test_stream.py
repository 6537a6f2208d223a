"""Is a message complete only after its end, and is what arrived never lost?"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from claude_magic.app import Request, Response
from claude_magic.errors import APIResponseError, APITimeoutError, OverloadedError, Stopped, StreamError
from claude_magic.wire import Message, plain
from tests.doors import ASK, DOORS, Asked, Door, answer, error, events, json, stream
from tests.loopback import STREAM, request_of, serving

WHOLE = events("Hello ", "wörld", "!")
pytestmark = pytest.mark.parametrize("door", DOORS, ids=lambda d: d.kind)
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


def test_text_arrives_in_pieces_and_the_message_is_whole(door: type[Door]) -> None:
    texts, message = door(Asked(stream(WHOLE))).texts()
    assert (["Hello ", "wörld", "!"], "Hello wörld!") == (texts, message.text)
    assert (3, "end_turn", "req_1") == (message.usage.output_tokens, message.stop_reason, message.request_id)


def test_wire_events_come_as_they_were_sent(door: type[Door]) -> None:
    kinds = [e["type"] for e in door(Asked(stream(WHOLE))).wire()]
    delta = ["content_block_delta"] * 3
    ends = ["content_block_stop", "message_delta", "message_stop"]
    assert ["message_start", "content_block_start", *delta, *ends] == kinds


def test_create_with_stream_gives_wire_events_only(door: type[Door]) -> None:
    kinds = [e.type for e in door(Asked(stream(WHOLE))).raw_create()]
    assert "text" not in kinds
    assert "message_stop" == kinds[-1]


def test_iterating_a_stream_gives_derived_events_with_snapshots(door: type[Door]) -> None:
    derived = [e for e in door(Asked(stream(WHOLE))).derived() if e.type == "text"]
    assert ["Hello ", "Hello wörld", "Hello wörld!"] == [e.snapshot for e in derived]


@pytest.mark.parametrize("at", range(1, len(WHOLE), 7))
def test_s2_a_stream_cut_anywhere_gives_the_same_message(door: type[Door], at: int) -> None:
    _, message = door(Asked(stream(WHOLE[:at], WHOLE[at:]))).texts()
    assert "Hello wörld!" == message.text


def test_s1_a_stream_without_an_end_raises_and_carries_what_arrived(door: type[Door]) -> None:
    with pytest.raises(StreamError, match="before the answer was complete") as caught:
        door(Asked(stream(events("Half of ", "it", stop=False)))).texts()
    assert isinstance(caught.value.partial, Message)
    assert ("Half of it", "req_1") == (caught.value.partial.text, caught.value.request_id)
    assert 1 == len(caught.value.attempts)


def test_s1_an_error_event_raises_after_what_came_before_it(door: type[Door]) -> None:
    with pytest.raises(StreamError, match="Overloaded") as caught:
        door(Asked(stream(events("Half", stop=False) + ERROR))).texts()
    assert caught.value.partial is not None
    assert ("overloaded_error", "Half") == (caught.value.type, caught.value.partial.text)


def test_s1_a_connection_that_breaks_raises_and_carries_what_arrived(door: type[Door]) -> None:
    with pytest.raises(StreamError) as caught:
        door(Asked(stream(events("Half", stop=False), OSError("gone")))).texts()
    assert caught.value.partial is not None
    assert "Half" == caught.value.partial.text


def test_m4_a_stream_that_has_shown_text_is_not_sent_again(door: type[Door]) -> None:
    asked = Asked(stream(events("Half", stop=False), OSError("gone")), stream(WHOLE))
    with pytest.raises(StreamError):
        door(asked).texts()
    assert 1 == len(asked.requests)


def test_a_refusal_before_the_stream_is_retried_like_any_call(door: type[Door]) -> None:
    asked = Asked(error(529, "overloaded_error", retry_after_ms="1"), stream(WHOLE))
    texts, _ = door(asked).texts()
    assert (2, "Hello wörld!") == (len(asked.requests), "".join(texts))
    with pytest.raises(OverloadedError):
        door(Asked(error(529, retry_after_ms="1"))).texts()


@pytest.mark.parametrize("data", [b"data: {nonsense}\n\n", b"data: [1]\n\n", b"data: \xff\n\n"])
def test_s5_an_event_that_is_not_json_is_a_stream_error(door: type[Door], data: bytes) -> None:
    with pytest.raises(StreamError, match="not JSON") as caught:
        door(Asked(stream(events("Half", stop=False) + b"event: ping\n" + data))).texts()
    assert caught.value.partial is not None


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_an_answer_that_is_no_stream_is_told(door: type[Door], kind: str) -> None:
    with pytest.raises(APIResponseError, match=kind):
        door(Asked(Response(200, {"content-type": kind}, b"{}"))).texts()


def test_a_key_that_the_server_repeats_in_a_stream_is_not_shown(door: type[Door]) -> None:
    key = "sk-ant-api03-a-key-of-this-test-0123456789"
    _, message = door(Asked(stream(events(f"Your key is {key}."))), api_key=key).texts()
    assert "Your key is <key …6789>." == message.text


def test_a_request_that_may_take_long_is_streamed_underneath(door: type[Door]) -> None:
    asked = Asked(stream(WHOLE))
    assert "Hello wörld!" == door(asked).create(max_tokens=64_000).text
    assert b'"stream":true' in asked.requests[0].body
    short = Asked(json(answer()))
    door(short).create(max_tokens=21_333)
    door(short).create(max_tokens=64_000, timeout=900)
    assert [False, False] == [b'"stream":true' in r.body for r in short.requests]


def test_s4_silence_ends_a_call_and_keeps_what_arrived(door: type[Door]) -> None:
    def silent(connection: object) -> None:
        request_of(connection)  # type: ignore[arg-type]
        connection.sendall(STREAM + events("Half", stop=False))  # type: ignore[attr-defined]
        connection.recv(1)  # type: ignore[attr-defined] # until the client has gone

    with serving(silent) as url, pytest.raises(APITimeoutError, match="silent") as caught:
        door(url, timeout=2).texts()
    assert caught.value.partial is not None
    assert "Half" == caught.value.partial.text


def test_s4_a_ping_is_life_but_the_total_limit_is_apart(door: type[Door]) -> None:
    def pinging(connection: object) -> None:
        request_of(connection)  # type: ignore[arg-type]
        connection.sendall(STREAM + events("Half", stop=False))  # type: ignore[attr-defined]
        connection.settimeout(0.1)  # type: ignore[attr-defined]
        while True:
            connection.sendall(b'event: ping\ndata: {"type":"ping"}\n\n')  # type: ignore[attr-defined]
            try:
                if not connection.recv(1):  # type: ignore[attr-defined]
                    return
            except TimeoutError:
                continue

    with serving(pinging) as url, pytest.raises(APITimeoutError, match=r"not complete after 2.5 s"):
        door(url, timeout=2, total_timeout=2.5).texts()


def test_a_ping_is_no_event_of_the_message(door: type[Door]) -> None:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    kinds = [event["type"] for event in door(Asked(stream(ping + events("Whole") + ping))).wire()]
    assert ("message_start", "message_stop", 0) == (kinds[0], kinds[-1], kinds.count("ping"))


def test_the_message_so_far_is_there_while_it_grows(door: type[Door]) -> None:
    if door.kind == "async":

        async def grow() -> list[str]:
            async with door(Asked(stream(WHOLE))).client.messages.stream(**ASK) as s:
                return [s.message.text async for _ in s.text_stream]

        seen = asyncio.run(grow())
    else:
        with door(Asked(stream(WHOLE))).client.messages.stream(**ASK) as s:
            seen = [s.message.text for _ in s.text_stream]
    assert ["Hello ", "Hello wörld", "Hello wörld!"] == seen


def test_m8_an_interrupt_closes_the_connection_and_keeps_what_arrived(door: type[Door]) -> None:
    closed: list[bool] = []

    def body() -> object:
        try:
            yield events("Half", stop=False)
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    def app(_: Request) -> Response:
        return Response(200, {"content-type": "text/event-stream"}, body())  # type: ignore[arg-type]

    if door.kind == "async":
        pytest.skip("an event loop turns an interrupt into a cancellation")
    with pytest.raises(Stopped):  # in a call that does not stream, too
        door(app).create()
    closed.clear()
    s = door(app).client.messages.stream(**ASK)
    with pytest.raises(Stopped) as caught, s:
        list(s)
    assert caught.value.partial is not None
    assert ("Half", [True], "Half") == (caught.value.partial.text, closed, s.message.text)
    assert ["Stopped"] == caught.value._render_traceback_()


def test_leaving_the_block_early_closes_the_connection(door: type[Door]) -> None:
    closed: list[bool] = []

    def body() -> object:
        try:
            yield from (events("Half", stop=False), WHOLE)
        finally:
            closed.append(True)

    def app(_: Request) -> Response:
        return Response(200, {"content-type": "text/event-stream"}, body())  # type: ignore[arg-type]

    if door.kind == "async":

        async def leave() -> None:
            async with door(app).client.messages.stream(**ASK) as s:
                async for _ in s.text_stream:
                    break

        asyncio.run(leave())
    else:
        with door(app).client.messages.stream(**ASK) as s:
            next(iter(s.text_stream))
    assert [True] == closed


def test_a_message_read_from_a_stream_equals_the_one_read_whole(door: type[Door]) -> None:
    whole = door(Asked(json(answer("Hello wörld!")))).create()
    assert plain(whole) == plain(door(Asked(stream(WHOLE))).texts()[1])


@pytest.mark.parametrize("use", ["half read", "never read"])
def test_m8_a_dropped_stream_closes_its_connection(door: type[Door], use: str) -> None:
    closed = threading.Event()

    def handle(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(STREAM + events("Half", stop=False))
        if not connection.recv(1):
            closed.set()

    async def drop(url: str) -> bool:
        messages = door(url).client.messages
        if use == "never read":
            await messages.create(**ASK, stream=True)
        else:
            async for _ in messages.stream(**ASK):
                break
        return await asyncio.to_thread(closed.wait, 60)

    with serving(handle) as url:
        if door.kind == "async":
            assert asyncio.run(drop(url))
            return
        messages = door(url).client.messages
        if use == "never read":
            messages.create(**ASK, stream=True)
        else:
            for _ in messages.stream(**ASK):
                break
        assert closed.wait(60)


def test_s1_a_whole_message_stays_whole_whatever_follows_it(door: type[Door]) -> None:
    for after in (OSError("gone"), ERROR, b"data: {nonsense}\n\n"):
        assert "Hello wörld!" == door(Asked(stream(WHOLE, after))).texts()[1].text


def test_s1_a_message_that_broke_off_is_not_final_when_it_is_asked_for_again(door: type[Door]) -> None:
    async def twice(s: Any) -> None:
        for _ in range(2):
            with pytest.raises(StreamError):
                await s.get_final_message()
        await s.get_final_message()

    def again() -> None:
        s = door(Asked(stream(events("Half", stop=False), OSError("gone")))).client.messages.stream(**ASK)
        if door.kind == "async":
            asyncio.run(twice(s))
        with pytest.raises(StreamError):
            s.get_final_message()
        s.get_final_message()

    with pytest.raises(StreamError, match="before the answer was complete") as caught:
        again()
    assert caught.value.partial is not None
    assert "Half" == caught.value.partial.text


def test_a_stream_may_be_closed_twice_and_then_says_that_it_was_closed(door: type[Door]) -> None:
    def handle(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(STREAM + events("Half", stop=False))
        connection.recv(1)  # until the client has gone

    async def aread(url: str) -> None:
        async with door(url).client.messages.stream(**ASK) as s:
            assert "message_start" == (await anext(s)).type
            await s.close()
        with pytest.raises(StreamError, match="was closed before"):
            await s.get_final_message()

    with serving(handle) as url:
        if door.kind == "async":
            asyncio.run(aread(url))
            return
        with door(url).client.messages.stream(**ASK) as s:
            assert "message_start" == next(s).type
            s.close()
        with pytest.raises(StreamError, match="was closed before") as caught:
            s.get_final_message()
    assert "with block" in caught.value.hint or "error.partial" in caught.value.hint
    assert "Half" == s.message.text

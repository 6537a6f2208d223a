"""Does what arrives in pieces come out whole however it is cut, and is a break told and cleaned up?"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from claude_magic.api import feeds
from claude_magic.app import Response
from claude_magic.errors import ClaudeError, InputError, Stopped, StreamError
from claude_magic.protocol.saving import place
from claude_magic.wire import encode
from tests.doors import KEY, Asked, AsyncDoor, Door, answer, error, json
from tests.ways import both, go, items

RESULTS = [{"custom_id": f"row-{n}", "result": {"type": "succeeded", "text": "ü\u2028"}} for n in range(3)]
LINES = b"\n".join(map(encode, RESULTS)) + b"\n"
ASK = {"model": "claude-haiku-5-5", "stream": True}


class Sending:
    """An App's body in pieces that knows whether it was closed."""

    def __init__(self, *parts: bytes | float | Exception) -> None:
        self.parts, self.closed = parts, False

    def __iter__(self) -> Iterator[bytes | float | Exception]:
        try:
            yield from self.parts
        finally:
            self.closed = True


def sending(*parts: bytes | float | Exception, kind: str = "application/x-jsonl", body: Any = None) -> Asked:
    headers = {"content-type": kind, "request-id": "req_1"}
    return Asked(lambda _: Response(200, headers, body or Sending(*parts)))


def results(c: Any) -> Any:
    return c.messages.batches.results("msgbatch_1")


def content(c: Any) -> Any:
    return c.files.download("file_1")


def chat(c: Any) -> Any:
    return c.chat.completions.create(**ASK, messages=[])


def complete(c: Any) -> Any:
    return c.completions.create(**ASK, prompt="Hi", max_tokens_to_sample=10)


def events(c: Any) -> Any:
    return c.sessions.events.stream("sesn_1")


# JSON lines


def test_s2_json_lines_are_the_same_wherever_they_are_cut():
    for cut in range(len(LINES)):
        asked = sending(LINES[:cut], LINES[cut:])
        assert RESULTS == go(Door(asked), results, items)


@both
def test_s2_json_lines_come_byte_by_byte_without_a_last_end_and_with_empty_lines(door: type[Door]):
    odd = b"\r\n\n" + LINES.replace(b"\n", b"\r\n \n").rstrip()
    for pieces in ([odd[n : n + 1] for n in range(len(odd))], [odd]):
        found = go(door(sending(*pieces)), results, items)
        assert RESULTS == found
        assert "succeeded" == found[0].result.type


@both
def test_a_line_that_is_no_json_comes_after_the_lines_before_it(door: type[Door]):
    read: list[Any] = []

    def keep(feed: Any) -> Any:
        if door.kind == "sync":
            return read.extend(feed)

        async def run() -> None:
            async for item in feed:
                read.append(item)

        return run()

    with pytest.raises(StreamError, match="A line of the answer is not JSON") as caught:
        go(door(sending(LINES + b"{oops}\n" + LINES)), results, keep)
    assert RESULTS == read
    assert "req_1" == caught.value.request_id


def test_s7_a_line_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(feeds, "LIMIT", 100)
    with pytest.raises(StreamError, match="longer than"):
        go(Door(sending(*[b"x" * 30] * 4)), results, items)
    assert ["ok"] * 4 == go(Door(sending(*[b'"ok"\n'] * 4)), results, items)


@both
def test_no_lines_are_no_items(door: type[Door]):
    assert [] == go(door(sending()), results, items)


# Breaks


@both
@pytest.mark.parametrize("ask", [results, content, events], ids=["lines", "bytes", "events"])
def test_a_connection_that_breaks_is_a_stream_error_with_the_request_id(door: type[Door], ask):
    kind = "text/event-stream" if ask is events else "application/x-jsonl"
    with pytest.raises(StreamError, match="broke") as caught:
        go(door(sending(LINES[:-20], ConnectionError("reset"), kind=kind)), ask, items)
    assert ("req_1", 200, 1) == (caught.value.request_id, caught.value.status, len(caught.value.attempts))


@both
def test_a_refusal_is_the_services_own_error(door: type[Door]):
    for ask in (results, content):
        with pytest.raises(ClaudeError, match="told 404"):
            go(door(Asked(error(404, "not_found_error"))), ask)


@both
def test_m8_an_answer_that_is_left_in_the_middle_is_closed(door: type[Door]):
    body = Sending(LINES, LINES)

    async def first(feed: Any) -> Any:
        return await anext(aiter(feed))

    take = first if door.kind == "async" else lambda feed: next(iter(feed))
    assert RESULTS[0] == go(door(sending(body=body)), results, take)
    gc.collect()
    assert body.closed


@both
def test_m8_an_answer_that_is_never_read_is_closed_when_it_is_dropped(door: type[Door]):
    async def turn(response: Any) -> Any:
        gc.collect()
        await asyncio.sleep(0)
        return response

    step = turn if door.kind == "async" else lambda response: response
    response = go(door(sending(LINES)), content, lambda feed: feed._reply.open.response, step)
    assert response.is_closed


def test_m8_an_interrupt_while_waiting_closes_and_says_stopped():
    def interrupted(_: Any) -> Response:
        def parts() -> Iterator[bytes]:
            yield LINES
            raise KeyboardInterrupt

        return Response(200, {"content-type": "application/x-jsonl"}, parts())

    feed = go(Door(Asked(interrupted)), results)
    with pytest.raises(Stopped):
        list(feed)
    assert feed._reply.open.response.is_closed


@both
def test_an_answer_is_read_once(door: type[Door]):
    def twice(feed: Any) -> Any:
        if door.kind == "sync":
            assert RESULTS == list(feed)
            return list(feed)

        async def run() -> Any:
            assert RESULTS == [item async for item in feed]
            return [item async for item in feed]

        return run()

    with pytest.raises(InputError, match="was read already"):
        go(door(sending(LINES)), results, twice)


def test_an_answer_that_was_closed_says_so():
    feed = go(Door(sending(LINES)), results)
    with feed:
        pass
    with pytest.raises(ClaudeError, match="was closed before it was read"):
        list(feed)


def test_an_answer_whose_event_loop_has_ended_is_no_empty_answer(tmp_path):
    feed = go(AsyncDoor(sending(b"new")), content)
    with pytest.raises(InputError, match="was closed before it was read"):
        asyncio.run(feed.write_to_file(tmp_path / "a"))
    assert [] == list(tmp_path.iterdir())


@both
def test_an_answer_shows_what_it_is_and_has_its_headers(door: type[Door]):
    feed = go(door(sending(LINES)), results)
    assert feed.response.headers["content-type"] in repr(feed)
    assert (200, "req_1") == (feed.response.status, feed.request_id)


# Bytes


@both
def test_bytes_are_read_whole_or_as_text(door: type[Door]):
    data = "ü\ud83d".encode("utf-8", "surrogatepass") + b"\xff"
    assert data == go(door(sending(data[:1], data[1:])), content, lambda feed: feed.read())
    assert "ü" == go(door(sending(data)), content, lambda feed: feed.text())[0]


def test_k2_a_key_in_an_answer_is_cleaned_wherever_it_is_cut():
    data = b"before " + KEY.encode() + b" between " + KEY.encode()
    clean = go(Door(sending(data)), content, lambda feed: feed.read())
    assert b"wxyz" in clean
    assert {bytes} == set(map(type, go(Door(sending(data * 9)), content, items)))
    assert KEY.encode() not in clean
    for cut in range(len(data)):
        assert clean == go(Door(sending(data[:cut], data[cut:])), content, lambda feed: feed.read())
    for size in (1, 7):
        pieces = [data[n : n + size] for n in range(0, len(data), size)]
        assert clean == go(Door(sending(*pieces)), content, lambda feed: feed.read())
    line = encode({"text": KEY}) + b"\n"
    for ask, kind, told in ((results, "", line), (events, "text/event-stream", b"data: " + line + b"\n")):
        assert KEY not in str(go(Door(sending(told, kind=kind)), ask, items))


# Events


def frames(*values: Any, end: bytes = b"") -> bytes:
    return b"".join(b"data: %s\n\n" % encode(value) for value in values) + end


DELTAS = [{"choices": [{"delta": {"content": text}}]} for text in ("Hel", "lo")]
PIECES = [{"type": "completion", "completion": text, "stop_reason": None} for text in ("Hel", "lo")]
LAST = {"type": "completion", "completion": "", "stop_reason": "stop_sequence"}
DONE = b"data: [DONE]\n\n"


def streaming(*parts: bytes | float | Exception) -> Asked:
    return sending(*parts, kind="text/event-stream; charset=utf-8")


@both
def test_s1_an_answer_being_written_is_whole_after_its_end_mark(door: type[Door]):
    assert DELTAS == go(door(streaming(frames(*DELTAS, end=DONE))), chat, items)
    assert [*PIECES, LAST] == go(door(streaming(frames(*PIECES, LAST))), complete, items)


@both
@pytest.mark.parametrize("ask", [chat, complete], ids=["chat", "completion"])
def test_s1_an_answer_that_ends_without_its_end_mark_is_an_error(door: type[Door], ask):
    values = DELTAS if ask is chat else PIECES
    with pytest.raises(StreamError, match="ended before the answer was complete"):
        go(door(streaming(frames(*values))), ask, items)
    with pytest.raises(StreamError, match="broke"):
        go(door(streaming(frames(*values), ConnectionError("reset"))), ask, items)


@both
def test_s1_what_breaks_after_the_end_mark_does_no_harm(door: type[Door]):
    asked = streaming(frames(*DELTAS, end=DONE), ConnectionError("reset"))
    assert DELTAS == go(door(asked), chat, items)


@both
def test_a_session_ends_when_the_service_likes(door: type[Door]):
    told = [{"type": "session.error", "error": {"type": "x"}}, {"type": "of_tomorrow"}]
    assert told == go(door(streaming(frames(*told))), events, items)


def test_s2_events_are_the_same_wherever_they_are_cut():
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    data = ping + frames(*PIECES, LAST).replace(b"data:", b": ping\nevent: completion\r\ndata:")
    for cut in range(len(data)):
        assert [*PIECES, LAST] == go(Door(streaming(data[:cut], data[cut:])), complete, items)


ERRORS = {
    "by its name": b'event: error\ndata: {"error": {"type": "overloaded_error", "message": "busy"}}\n\n',
    "by its type": frames({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
    "in OpenAI's way": frames({"error": {"type": "overloaded_error", "message": "busy"}}),
}


@both
@pytest.mark.parametrize("told", ERRORS.values(), ids=ERRORS)
def test_an_error_in_the_stream_is_raised_in_the_services_words(door: type[Door], told):
    with pytest.raises(StreamError, match="ended by the service: busy") as caught:
        go(door(streaming(frames(*DELTAS), told)), chat, items)
    assert ("overloaded_error", "req_1") == (caught.value.type, caught.value.request_id)


@both
def test_an_event_that_is_no_json_is_one_clear_error(door: type[Door]):
    with pytest.raises(StreamError, match="An event of the stream is not JSON"):
        go(door(streaming(b"data: {oops\n\n")), chat, items)


@both
def test_an_answer_that_is_no_stream_is_one_clear_error(door: type[Door]):
    with pytest.raises(ClaudeError, match="not with a stream"):
        go(door(Asked(json({}))), chat, items)


# Files


@both
def test_a_file_is_there_only_once_it_is_whole(door: type[Door], tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(StreamError):
        go(door(sending(b"new", ConnectionError())), content, lambda feed: feed.write_to_file(path))
    assert [b"old"] == [file.read_bytes() for file in tmp_path.iterdir()]
    assert path == go(door(sending(b"ne", b"w")), content, lambda feed: feed.write_to_file(str(path)))
    assert [b"new"] == [file.read_bytes() for file in tmp_path.iterdir()]


@both
def test_a_link_is_replaced_not_followed(door: type[Door], tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    go(door(sending(b"new")), content, lambda feed: feed.write_to_file(tmp_path / "link"))
    assert (b"old", b"new") == ((tmp_path / "target").read_bytes(), (tmp_path / "link").read_bytes())


@both
@pytest.mark.parametrize("name", ["", ".", "no/such/folder.txt", "a" * 300, "a\0b", "file/a"], ids=repr)
def test_a_place_that_cannot_be_written_is_one_clear_error(door: type[Door], name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"is a folder|cannot be written") as caught:
        go(door(sending(b"new")), content, lambda feed: feed.write_to_file(f"{tmp_path}/{name}"))
    assert caught.value.hint
    assert ["file"] == [file.name for file in tmp_path.iterdir()]


def test_a_disk_that_is_full_is_one_clear_error(tmp_path, monkeypatch):
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed as what it stands for
    monkeypatch.setattr(Path, "open", lambda *_: full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        go(Door(sending(b"new")), content, lambda feed: feed.write_to_file(tmp_path / "a"))


HOSTILE = {
    "../../x": "x",
    "/etc/passwd": "passwd",
    "C:\\Users\\x.txt": "x.txt",
    "..": "download",
    ".": "download",
    "": "download",
    ".bashrc": "bashrc",
    "a\0b": "ab",
    "a\nb\x1b[2J.txt": "ab[2J.txt",
    "\u202egpj.exe": "gpj.exe",
    "x:stream": "xstream",
    "NUL": "_NUL",
    "com1.txt": "_com1.txt",
    "end. . ": "end",
    "folder/": "download",
    "ü 1.csv": "ü 1.csv",
}


@pytest.mark.parametrize(("name", "wanted"), HOSTILE.items(), ids=map(repr, HOSTILE))
def test_a_name_from_the_server_stays_in_the_folder(name, wanted, tmp_path):
    assert tmp_path / wanted == place(tmp_path, name).path
    assert tmp_path / wanted == place(str(tmp_path), name).path


@pytest.mark.parametrize("name", ["ü" * 400 + ".csv", "a" * 400, "a." + "b" * 400, "😀" * 100])
def test_a_long_name_fits_the_file_system(name, tmp_path):
    path = place(tmp_path, name).path
    path.touch()
    assert 200 < len(path.name.encode()) <= 255
    assert name[-4:] == path.name[-4:]


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    (tmp_path / "a.csv").touch()
    (tmp_path / "a (2).csv").symlink_to("nowhere")
    with place(tmp_path, "a.csv") as file:
        file.write(b"new")
    assert (tmp_path / "a (3).csv", b"new") == (file.path, file.path.read_bytes())
    assert 3 == len(list(tmp_path.iterdir()))


def test_a_path_is_taken_as_it_is_and_a_folder_is_made_where_the_path_says_so(tmp_path):
    assert tmp_path / "b.csv" == place(tmp_path / "b.csv", "../a.csv").path
    assert tmp_path / "new" / "a.csv" == place(f"{tmp_path}/new/", "a.csv").path
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written: File exists"):
        place(f"{tmp_path}/file/", "a.csv")


def test_an_async_feed_is_a_context(tmp_path):
    async def read(feed: Any) -> Any:
        async with feed:
            return await feed.read()

    assert b"new" == go(AsyncDoor(sending(b"new")), content, read)


# As a frame, as a file


@both
def test_the_results_of_a_batch_become_a_frame(door: type[Door]):
    message = answer("Four")
    lines = [
        {"custom_id": "row-10", "result": {"type": "expired"}},
        {"custom_id": "row-2", "result": {"type": "succeeded", "message": message}},
    ]
    asked = sending(b"\n".join(map(encode, lines)))
    frame = go(door(asked), results, lambda feed: feed.to_frame())
    assert ["row-2", "row-10"] == list(frame.index)
    assert ["Four", ""] == list(frame["text"])


@both
def test_other_lines_become_a_frame_of_their_fields(door: type[Door]):
    frame = go(door(sending(b'{"a": 1}\n{"a": 2}\n')), results, lambda feed: feed.to_frame())
    assert [1, 2] == list(frame["a"])
    assert go(door(sending()), results, lambda feed: feed.to_frame()).empty


@both
def test_the_bytes_of_a_file_are_no_frame_but_can_be_opened_as_a_file(door: type[Door]):
    table = go(door(sending(b"a,b\n1,2\n")), content, lambda feed: feed.open())
    assert [[1, 2]] == pd.read_csv(table).to_numpy().tolist()
    with pytest.raises(InputError, match="no rows") as caught:
        go(door(sending(b"a")), content, lambda feed: feed.to_frame())
    assert "feed.open()" in caught.value.hint


@both
def test_what_wants_a_file_is_told_how_to_get_one(door: type[Door]):
    feed = go(door(sending(b"a")), content)
    with pytest.raises(AttributeError, match=r"has no seek: \.open\(\) gives a file that has"):
        feed.seek(0)
    with pytest.raises(AttributeError, match=r"has no of_tomorrow$"):
        _ = feed.of_tomorrow

"""Does whatever a socket does come out as one of our errors, and does the key stay where it belongs?"""

from __future__ import annotations

import gzip
import os
import socket
import threading
import traceback
import zlib
from collections.abc import Callable

import httpx2
import pytest

from claude_magic.api.client import Client
from claude_magic.errors import APIConnectionError, APIError, APIResponseError, APITimeoutError, ClaudeError
from claude_magic.pool import AppTransport
from claude_magic.transport import Blocking
from claude_magic.wire import encode
from tests.doors import ASK, KEY, Asked, Door, answer, error, events, json
from tests.loopback import HEAD, STREAM, request_of, serving
from tests.ways import both, go

Handler = Callable[[socket.socket], None]


def after_request(*chunks: bytes, then: Handler = lambda _: None) -> Handler:
    """Read the request, send these bytes, do the rest, close."""

    def handle(connection: socket.socket) -> None:
        request_of(connection)
        for chunk in chunks:
            connection.sendall(chunk)
        then(connection)

    return handle


def body(value: object) -> bytes:
    data = encode(value)
    return HEAD + b"content-length: %d\r\n\r\n" % len(data) + data


def endless_header(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x-more: " + b"a" * 5000 + b"\r\n")


def bomb(kind: bytes) -> bytes:
    packed = gzip.compress(b" " * (80 * 2**20))
    return kind + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed


EVIL: dict[str, tuple[Handler, type[ClaudeError]]] = {
    "closes at once": (lambda c: None, APIConnectionError),
    "closes after the request": (after_request(), APIConnectionError),
    "is not http": (after_request(b"220 smtp ready\r\n"), APIConnectionError),
    "has an endless header": (after_request(b"HTTP/1.1 200 OK\r\n", then=endless_header), APIConnectionError),
    "has a status of nonsense": (after_request(b"HTTP/1.1 999 \xff\r\n\r\n"), ClaudeError),
    "breaks off in the body": (after_request(HEAD + b"content-length: 100\r\n\r\n{"), APIConnectionError),
    "breaks off in a chunk": (
        after_request(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab"),
        APIConnectionError,
    ),
    "has a false chunk size": (
        after_request(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"),
        APIConnectionError,
    ),
    "is not gzip": (
        after_request(HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
        APIResponseError,
    ),
    "unpacks without end": (after_request(bomb(HEAD)), APIResponseError),
    "is html": (after_request(HEAD + b"content-length: 6\r\n\r\n<html>"), APIResponseError),
    "is a list": (after_request(body([1])), APIResponseError),
    "is another object": (after_request(body({"detail": "hello"})), APIResponseError),
    "is not utf-8": (after_request(HEAD + b"content-length: 2\r\n\r\n\xff\xfe"), APIResponseError),
    "nests without end": (
        after_request(HEAD + b"content-length: 200000\r\n\r\n" + b"[" * 200_000),
        APIResponseError,
    ),
    "redirects": (
        after_request(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"),
        APIResponseError,
    ),
}


@both
@pytest.mark.parametrize("handle", EVIL, ids=str)
def test_s5_whatever_a_server_does_is_an_error_of_the_family(door: type[Door], handle: str) -> None:
    serve, kind = EVIL[handle]
    with serving(serve) as url, pytest.raises(kind) as caught:
        door(url, max_retries=0, timeout=5).create()
    assert caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@both
def test_a_decompression_bomb_in_a_stream_is_an_error(door: type[Door]) -> None:
    with (
        serving(after_request(bomb(STREAM.replace(b"\r\n\r\n", b"\r\n")))) as url,
        pytest.raises(ClaudeError, match="larger than"),
    ):
        door(url, max_retries=0).texts()


@both
def test_s7_a_packed_body_that_unpacks_to_nothing_without_end_is_an_error(door: type[Door]) -> None:
    def endless(connection: socket.socket) -> None:
        request_of(connection)
        packer = zlib.compressobj(wbits=31)
        connection.sendall(HEAD + b"content-encoding: gzip\r\n\r\n")
        while True:
            connection.sendall(packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH))

    with serving(endless) as url, pytest.raises(APIResponseError, match="larger than"):
        door(url, max_retries=0, max_bytes=100_000).create()


@both
def test_a_packed_answer_is_unpacked(door: type[Door]) -> None:
    for packed in (gzip.compress(encode(answer("x" * 10**6))), zlib.compress(encode(answer("x" * 10**6)))):
        head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
        with serving(after_request(head + packed)) as url:
            assert 10**6 == len(door(url).create().text)


@both
@pytest.mark.parametrize("kind", [b"gzip", b"br"])
def test_s1_a_packed_answer_that_is_cut_or_packed_in_another_way_is_an_error(
    door: type[Door], kind: bytes
) -> None:
    packed = gzip.compress(encode(answer()))[:-9] if kind == b"gzip" else b"\x1b\x03\x00abcdef"
    head = HEAD + b"content-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(packed))
    with serving(after_request(head + packed)) as url, pytest.raises(APIError):
        go(door(url, max_retries=0), lambda c: c.files.download("file_1"), lambda feed: feed.read())


@both
def test_m3_an_answer_that_breaks_off_is_asked_for_again_where_that_is_free_or_wanted(
    door: type[Door],
) -> None:
    seen: list[bytes] = []

    def half_first(connection: socket.socket) -> None:
        seen.append(request_of(connection))
        whole = body(answer())
        connection.sendall(whole[:-5] if len(seen) == 1 else whole)

    for ask, options in ((door.count, {}), (door.create, {"retry_unknown": True})):
        seen.clear()
        with serving(half_first) as url:
            ask(door(url, max_retries=1, **options))
        assert 2 == len(seen)


@both
def test_s7_a_refusal_without_end_is_cut_short(door: type[Door]) -> None:
    huge = json([[]] * 3_000_000, 500)
    with pytest.raises(APIResponseError, match="larger than 4 MB") as caught:
        door(Asked(huge), max_retries=0).create()
    assert 500 == caught.value.status


@both
def test_a_larger_answer_is_taken_where_it_is_asked_for(door: type[Door]) -> None:
    big = Asked(json(answer("x" * 3000)))
    with pytest.raises(APIResponseError, match="larger than"):
        door(big, max_bytes=2000).create()
    assert 3000 == len(door(big, max_bytes=4000).create().text)


@both
def test_m4_a_connection_that_breaks_after_the_request_is_not_tried_again(door: type[Door]) -> None:
    asked: list[bytes] = []

    def lose(connection: socket.socket) -> None:
        asked.append(request_of(connection))

    with serving(lose) as url:
        with pytest.raises(APIConnectionError) as caught:
            door(url).create()
        assert [True] == [a.possibly_billed for a in caught.value.attempts]
        assert 1 == len(asked)
        with pytest.raises(APIConnectionError):
            door(url, max_retries=1).count()
        assert 3 == len(asked)


@both
def test_a_request_that_breaks_off_on_its_way_is_tried_again(door: type[Door]) -> None:
    connections: list[socket.socket] = []

    def drop_first(connection: socket.socket) -> None:
        connections.append(connection)
        if len(connections) == 1:
            connection.recv(100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset on close
            return
        after_request(body(answer()))(connection)

    with serving(drop_first) as url:
        big = [{"role": "user", "content": "x" * (20 * 2**20)}]
        assert "Hello back" == door(url, max_retries=1).create(messages=big).text


@both
def test_an_address_where_nobody_listens_says_so(door: type[Door]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(APIConnectionError, match="refused") as caught:
        door(f"http://127.0.0.1:{port}", max_retries=1).create()
    assert "ANTHROPIC_BASE_URL" in caught.value.hint
    assert [False, False] == [a.possibly_billed for a in caught.value.attempts]


@both
def test_a_host_that_does_not_exist_says_so(door: type[Door]) -> None:
    with pytest.raises(APIConnectionError) as caught:
        door("https://no-such-host.invalid", max_retries=0, timeout=5).create()
    assert "no-such-host.invalid" in caught.value.message


@both
def test_s4_a_silent_server_is_a_timeout(door: type[Door]) -> None:
    with (
        serving(after_request(then=lambda c: c.recv(1))) as url,
        pytest.raises(APITimeoutError, match="silent"),
    ):
        door(url, timeout=0.2).create()


@both
def test_a_path_prefix_is_kept(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    door(asked, base_url="https://gate.example/team/claude/").create()
    assert "/team/claude/v1/messages" == asked.requests[0].path


@both
def test_the_key_travels_as_bearer_and_nowhere_else(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    d = door(asked)
    d.create()
    sent = asked.requests[0]
    assert "Bearer " + KEY == sent.headers["authorization"]
    assert "2026-10-21" == sent.headers["anthropic-version"]
    assert KEY not in repr(sent.query) + sent.path + sent.body.decode()
    assert KEY not in repr(d.client) + repr(vars(d.client))


@both
def test_k2_a_redirect_elsewhere_never_sees_the_key(door: type[Door]) -> None:
    seen: list[bytes] = []
    with serving(lambda c: seen.append(request_of(c))) as elsewhere:
        turn = b"HTTP/1.1 302 Go\r\nlocation: %s/\r\ncontent-length: 0\r\n\r\n" % elsewhere.encode()
        with serving(after_request(turn)) as url, pytest.raises(APIResponseError, match="302"):
            door(url).create()
    assert [] == seen


@both
def test_k2_a_key_that_the_server_repeats_is_in_no_text(door: type[Door]) -> None:
    told = error(400)
    told.body = encode({"error": {"type": "x", "message": f"bad key {KEY}"}, "echo": [KEY]})
    told.headers["x-echo"] = KEY
    with pytest.raises(ClaudeError) as caught:
        door(Asked(told)).create()
    e = caught.value
    shown = "".join(traceback.format_exception(e)) + repr(e.__dict__) + "".join(e.lines())
    assert KEY not in shown
    assert "…wxyz" in e.message
    message = door(Asked(json(answer(f"echo {KEY}"), x_echo=KEY))).create()
    assert KEY not in repr(message) + repr(message.response)


@both
def test_k1_a_traceback_with_every_local_shows_no_key(door: type[Door]) -> None:
    def app(_: object) -> None:
        raise RuntimeError("a fault of the transport")

    with pytest.raises(ClaudeError) as caught:
        door(app).create()  # type: ignore[arg-type]
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [f for f in shown.stack if f"{os.sep}claude_magic{os.sep}" in f.filename]
    assert len(ours) > 3
    assert KEY not in "".join(str(f.locals) for f in ours)


def test_netrc_and_cookies_add_nothing(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        for _ in range(2):
            seen.append(request_of(connection))
            data = encode(answer())
            connection.sendall(HEAD + b"set-cookie: a=b\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    with serving(handle) as url:
        client = Client(KEY, base_url=url)
        client.messages.create(**ASK)
        client.messages.create(**ASK)
    assert [1, 1] == [s.lower().count(b"authorization:") for s in seen]
    assert all(b"cookie" not in s.lower() and b"Basic" not in s for s in seen)


def test_k2_the_auth_of_a_given_http_client_does_not_replace_the_key() -> None:
    asked = Asked(json(answer()))
    http = httpx2.Client(transport=AppTransport(asked), auth=("someone", "else"))
    Client(KEY, base_url="https://api.example", http_client=http).messages.create(**ASK)
    assert f"Bearer {KEY}" == asked.requests[0].headers["authorization"]


def test_an_answer_that_a_given_http_client_had_whole_from_its_start_is_read_like_any_other() -> None:
    there = httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer()))
    client = Client(KEY, base_url="https://api.example", http_client=httpx2.Client(transport=there))
    assert "Hello back" == client.messages.create(**ASK).text


def test_r3_a_proxy_set_after_the_first_call_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        seen.append(request_of(connection).split(b"\r\n")[0])
        connection.sendall(body(answer()))

    with serving(after_request(body(answer()))) as url, serving(proxy) as way:
        client = Client(KEY, base_url=url)
        client.messages.create(**ASK)
        monkeypatch.setenv("HTTP_PROXY", way)
        client.messages.create(**ASK)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client.messages.create(**ASK)
    assert [f"POST {url}/v1/messages HTTP/1.1".encode()] == seen


def test_r1_a_hundred_threads_share_one_client() -> None:
    texts: list[str] = []

    def app(request: object) -> object:
        return json(answer("same"))

    client = Door(app).client  # type: ignore[arg-type]
    threads = [
        threading.Thread(target=lambda: texts.append(client.messages.create(**ASK).text)) for _ in range(100)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert ["same"] * 100 == texts


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_r1_a_forked_child_calls_on_connections_of_its_own() -> None:
    connections: list[int] = []

    def handle(connection: socket.socket) -> None:
        connections.append(1)
        while request_of(connection):
            connection.sendall(body(answer()))

    with serving(handle) as url:
        client = Client(KEY, base_url=url)
        client.messages.create(**ASK)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if client.messages.create(**ASK).text == "Hello back" else 1)
            finally:
                os._exit(2)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert "Hello back" == client.messages.create(**ASK).text
        assert 2 == len(connections)


@both
def test_a_wait_is_told_by_the_second(door: type[Door], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(Blocking, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    if door.kind == "async":
        pytest.skip("an event loop needs the real clock")
    d = door(Asked(error(429, retry_after="3"), json(answer())))
    assert "Hello back" == d.create().text
    assert [(3.0, "rate limit"), (2.0, "rate limit"), (1.0, "rate limit")] == d.waits


def test_an_unused_stream_sends_nothing() -> None:
    asked = Asked(json(answer()))
    Door(asked).client.messages.stream(**ASK)
    assert [] == asked.requests


def test_s7_what_is_not_unicode_becomes_a_replacement_character() -> None:
    broken = events("caf\u00e9").replace("é".encode(), b"\xe9")
    with serving(after_request(STREAM + broken)) as url:
        assert "caf\ufffd" == Door(url).texts()[1].text

"""How does the practice server run on a port?"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys

import httpx2
import pytest

from claude_magic import Client
from claude_magic.errors import ConfigError
from claude_magic.practice import Practice
from claude_magic.practice.server import _tell, listen, serve
from claude_magic.talk import current

HEADERS = {"x-api-key": "practice", "anthropic-version": "2026-10-21"}
ASKED = {
    "model": "claude-haiku-5-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "What is a stream?"}],
}
STREAMS = 200
STREAMED = {**ASKED, "stream": True}


@contextlib.asynccontextmanager
async def running(app):
    server, url = listen(app, 0)
    try:
        many = httpx2.Limits(max_connections=2 * STREAMS)
        async with httpx2.AsyncClient(
            base_url=url, headers=HEADERS, timeout=120, limits=many, trust_env=False
        ) as http:
            yield http
    finally:
        server.stop()
        await server.close_all_connections()


def run(app, test):
    async def main():
        async with running(app) as http:
            return await test(http)

    return asyncio.run(main())


def test_two_hundred_streams_run_side_by_side():
    practice, begun = Practice(), []

    def app(request):
        response = practice(request)
        parts = list(response.parts())

        def body():
            begun.append(request)
            yield from parts[:2]
            while len(begun) < STREAMS:  # no stream ends before all have begun
                yield 0.01
            yield from parts[2:]

        response.body = body()
        return response

    async def test(http):
        async def one():
            async with http.stream("POST", "/v1/messages", json=STREAMED) as response:
                return b"".join([chunk async for chunk in response.aiter_bytes()])

        return await asyncio.gather(*(one() for _ in range(STREAMS)))

    streams = run(app, test)
    assert all(data.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n') for data in streams)
    assert STREAMS == len({data.split(b'"id":"')[1][:19] for data in streams})


def test_headers_status_and_body_are_the_apps():
    async def test(http):
        good, bad = await http.post("/v1/messages", json=ASKED), await http.get("/v1/nothing?x=%20")
        return good, bad

    good, bad = run(Practice(), test)
    assert (200, "application/json") == (good.status_code, good.headers["content-type"])
    assert 12 == sum(name.startswith("anthropic-ratelimit") for name in good.headers)
    assert (404, bad.headers["request-id"]) == (bad.status_code, bad.json()["request_id"])
    assert good.json()["content"][0]["text"].startswith("[practice]")


def test_a_cut_reaches_the_reader_as_a_broken_connection():
    async def test(http):
        cut = {**STREAMED, "messages": [{"role": "user", "content": "practice:cut"}]}
        got = b""
        with pytest.raises(httpx2.RemoteProtocolError):  # noqa: PT012 - it breaks while it is read
            async with http.stream("POST", "/v1/messages", json=cut) as response:
                async for chunk in response.aiter_bytes():
                    got += chunk
        return got, (await http.post("/v1/messages", json=ASKED)).status_code

    got, after = run(Practice(), test)
    assert b"message_start" in got
    assert 200 == after


def test_a_reader_who_leaves_ends_the_stream():
    ended = asyncio.Event()

    def app(request):
        response = Practice()(request)

        def body():
            try:
                yield b"event: ping\ndata: {}\n\n"
                yield 3600.0
            finally:
                ended.set()

        response.body = body()
        return response

    async def test(http):
        async with http.stream("POST", "/v1/messages", json=STREAMED) as response:
            await anext(response.aiter_bytes())
        await asyncio.wait_for(ended.wait(), 60)

    run(app, test)


def test_a_body_over_the_limit_is_refused_without_a_crash():
    async def test(http):
        too_large = await http.post("/v1/messages", content=b" " * (32 * 2**20 + 10))
        with contextlib.suppress(httpx2.TransportError):
            await http.post("/v1/messages", content=b" " * (40 * 2**20))
        return too_large.status_code, (await http.post("/v1/messages", json=ASKED)).status_code

    assert (413, 200) == run(Practice(), test)


def test_a_port_in_use_is_told_with_the_way_out():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match="in use") as caught,
    ):
        serve(taken.getsockname()[1])
    assert "--port" in caught.value.hint


@pytest.mark.parametrize(
    ("port", "host"),
    [(70_000, "127.0.0.1"), (-1, "127.0.0.1"), (0, "198.51.100.7"), (0, "no.such.host.invalid")],
)
def test_an_unusable_address_is_one_clear_error(port, host):
    with pytest.raises(ConfigError) as caught:
        serve(port, host=host)
    assert caught.value.hint


def test_serving_prints_the_address_and_how_to_use_it_and_an_interrupt_ends_it_even_amid_a_stream():
    code = "from claude_magic.practice.server import serve; serve(0)"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True) as process:
        _interrupt(process)


def _interrupt(process):
    lines = [process.stdout.readline() for _ in range(4)]
    url = next(word for word in lines[0].split() if word.startswith("http://127.0.0.1:"))
    assert f"ANTHROPIC_BASE_URL={url}" in lines[2]
    silent = {**STREAMED, "messages": [{"role": "user", "content": "practice:silence"}]}
    stream = httpx2.stream("POST", f"{url}/v1/messages", json=silent, headers=HEADERS, trust_env=False)
    with pytest.raises(httpx2.TransportError), stream as response:  # noqa: PT012 - it breaks while it is read
        chunks = response.iter_bytes()
        next(chunks)
        process.send_signal(signal.SIGINT)
        list(chunks)
    assert (0, "") == (process.wait(60), process.stderr.read())


def test_no_key_is_printed(capfd):
    async def test(http):
        await http.post("/v1/messages", json=ASKED, headers={"x-api-key": "sk-ant-secret"})
        await http.post("/v1/messages", content=b"{", headers={"x-api-key": "sk-ant-secret"})

    run(Practice(), test)
    assert "secret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("key", ["practice", "practice-key"])
def test_a_practice_key_is_no_secret_and_its_answers_keep_their_badge(key):
    async def main():
        server, url = listen(Practice(), 0)
        try:
            return await asyncio.to_thread(ask, url)
        finally:
            server.stop()
            await server.close_all_connections()

    def ask(url):
        with Client(api_key=key, base_url=url, http_client=httpx2.Client(trust_env=False)) as client:
            whole = client.messages.create(**ASKED)
            with client.messages.stream(**ASKED) as stream:
                return client, whole, stream.get_final_message()

    client, *messages = asyncio.run(main())
    for message in messages:
        assert message.content[0].text.startswith("[practice]")
        assert "practice" in message.id
        assert "practice" == current.source_of(client, message)


def test_the_banner_names_a_key_and_says_who_can_reach_the_server(capsys):
    _tell("http://127.0.0.1:8484", "127.0.0.1")
    here = capsys.readouterr().out
    assert "ANTHROPIC_API_KEY=practice-key" in here and "Others on this network" not in here
    _tell("http://10.1.2.3:8484", "10.1.2.3")
    assert "Others on this network can reach it too at http://10.1.2.3:8484;" in capsys.readouterr().out
    _tell("http://127.0.0.1:8484", "0.0.0.0")
    said = capsys.readouterr().out
    assert "Others on this network" in said and "0.0.0.0" not in said


def test_a_server_for_the_network_has_an_address_that_can_be_used():
    async def main():
        server, url = listen(Practice(), 0, host="0.0.0.0")
        server.stop()
        return url

    assert asyncio.run(main()).startswith("http://127.0.0.1:")

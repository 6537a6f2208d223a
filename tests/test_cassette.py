"""Is what was answered once played again, byte for byte and only then, and never a secret kept?"""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
import itertools
import json as stdjson
import logging
import os
import random
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from claude_magic import wire
from claude_magic.api.client import Client
from claude_magic.app import Request, Response
from claude_magic.cassette import MODES, clean, closest, lines, transport
from claude_magic.cassette.tape import Cassette
from claude_magic.cassette.tape import _mark as tape_mark
from claude_magic.errors import (
    BadRequestError,
    ClaudeError,
    ConfigError,
    InputError,
    NotFoundError,
    RateLimitError,
    ReplayError,
    StreamError,
)
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from tests.doors import ASK, DOORS, KEY, Asked, AsyncDoor, Door, answer, error, events, json, stream

URL = "https://api.example"
every_door = pytest.mark.parametrize("kind", DOORS, ids=lambda d: d.kind)
KINDS = [
    "sk-ant-api03-" + "A" * 40,
    "ghp_" + "a1B2" * 9,
    "sk-proj-" + "q" * 48,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\nAQEA\n-----END RSA PRIVATE KEY-----",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lesson.replay.jsonl"


def taped(kind: type[Door], app: Any, path: Path | Cassette, mode: Any = "auto", **options: Any) -> Any:
    """Return a door whose client goes through a cassette."""
    tape = path if isinstance(path, Cassette) else Cassette(path)
    http = httpx2.AsyncClient if kind is AsyncDoor else httpx2.Client
    through = transport(AppTransport(app), tape, mode)
    return kind(URL, http_client=http(transport=through), max_retries=0, **options)


def run(door: Door, work: Any) -> Any:
    """Do something with a door's client, and await what is to be awaited."""

    async def awaited() -> Any:
        return await found

    found = work(door.client)
    return asyncio.run(awaited()) if inspect.isawaitable(found) else found


class Counted:
    """The practice server, a second older at each call, and what it was asked."""

    def __init__(self) -> None:
        self.app, self.paths = (
            Practice(clock=map(float, itertools.count(1_800_000_000)).__next__),
            list[str](),
        )

    def __call__(self, request: Request) -> Response:
        self.paths.append(request.path)
        return self.app(request)


def unused(_request: Request) -> Response:
    raise AssertionError("asked")


def written(path: Path) -> list[dict[str, Any]]:
    return [stdjson.loads(line) for line in path.read_text("utf-8").splitlines()]


# playing what was recorded


@every_door
def test_m9_a_second_run_asks_nothing_and_gets_the_same(kind: type[Door], path: Path) -> None:
    tool = {"name": "add", "description": "Add", "input_schema": {"type": "object", "properties": {"a": {}}}}

    def session(app: Any) -> list[Any]:
        door = taped(kind, app, path)
        return [
            door.create(),
            door.create(tools=[tool], tool_choice={"type": "tool", "name": "add"}),
            door.wire(messages=[{"role": "user", "content": "Tell me of boats — é 🙂"}]),
            door.count(),
            door.models(limit=3),
            door.model("claude-haiku-5-5"),
        ]

    app = Counted()
    first = session(app)
    asked, before = len(app.paths), path.read_bytes()
    assert first == session(app)
    assert asked == len(app.paths)
    assert before == path.read_bytes()


@every_door
def test_m9_a_text_and_a_list_of_that_text_are_one_question(kind: type[Door], tmp_path: Path) -> None:
    text: list[dict[str, Any]] = [{"type": "text", "text": "Hello"}]
    for n, (first, then) in enumerate((("Hello", text), (text, "Hello"))):
        asked, again = ([{"role": "user", "content": content}] for content in (first, then))
        taped(kind, Asked(json(answer("Hi"))), tmp_path / f"{n}").create(messages=asked)
        for mode in ("auto", "only"):
            assert "Hi" == taped(kind, unused, tmp_path / f"{n}", mode).create(messages=again).text
    other = [{"role": "user", "content": [{**text[0], "citations": None}]}]
    with pytest.raises(ReplayError):
        taped(kind, unused, tmp_path / "0", "only").create(messages=other)


@every_door
def test_a_stream_plays_as_the_events_it_was(kind: type[Door], path: Path) -> None:
    said = stream(events("Hel", "lo\n\n— é\u2028🙂", ""))
    first = taped(kind, Asked(said), path).wire()
    assert first == taped(kind, unused, path, "only").wire()


@every_door
def test_a_stream_plays_as_a_whole_answer_and_a_whole_answer_as_a_stream(
    kind: type[Door], tmp_path: Path
) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    taped(kind, Asked(stream(events("Hel", "lo"))), one).wire()
    assert "Hello" == taped(kind, unused, one, "only").create().text
    whole = taped(kind, Asked(json(answer("Hello"))), two).create()
    texts, message = taped(kind, unused, two, "only").texts()
    assert (["Hello"], whole) == (texts, message)


BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": "one"},
    {"type": "text", "text": "two", "citations": [{"type": "char_location", "cited_text": "x"}]},
    {"type": "text", "text": "", "citations": None},
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, {"b": None}]}},
    {"type": "server_tool_use", "id": "t", "name": "f", "input": {}},
    {"type": "mcp_tool_use", "id": "t", "name": "f", "input": {"q": "é"}},
    {"type": "of_tomorrow", "field": {"x": 1}},
]


def test_the_events_of_a_message_add_up_to_it() -> None:
    message = answer(content=BLOCKS, stop_sequence=None, container={"id": "c"})
    assert message == lines.added([*lines.spelled(message)])


@every_door
def test_o6_a_played_answer_says_when_it_was_recorded_and_no_server_can_say_so(
    kind: type[Door], path: Path
) -> None:
    forged = json(answer(), **{lines.REPLAY: "1"})
    for mode in ("auto", "off"):
        live = taped(kind, Asked(forged), path, mode).create()
        assert lines.REPLAY not in live.response.headers
    played = taped(kind, unused, path, "only").create().response.headers
    assert written(path)[0]["recorded"] == played[lines.REPLAY]
    assert "req_1" == played["request-id"]


@every_door
def test_a_refusal_that_would_come_again_is_played_and_one_that_heals_is_asked_again(
    kind: type[Door], path: Path
) -> None:
    for status in (400, 404, 413, 422):
        app = Asked(error(status), json(answer()))
        for _ in range(2):
            with pytest.raises(ClaudeError, match=f"told {status}") as caught:
                taped(kind, app, path).create(max_tokens=status)
            assert status == caught.value.status
        assert 1 == len(app.requests)
    before = path.read_bytes()
    for status in (401, 402, 403, 408, 409, 429, 500, 503, 529):
        app = Asked(error(status), json(answer(), status=500))
        for _ in range(2):
            with pytest.raises(ClaudeError):
                taped(kind, app, path).create(max_tokens=status)
        assert 2 == len(app.requests)
    assert before == path.read_bytes()


def test_a_refusal_for_want_of_money_is_not_recorded_whatever_its_status(path: Path) -> None:
    for said in ("You have reached your specified API usage limits", "Your credit balance is too low"):
        refused = json({"type": "error", "error": {"type": "invalid_request_error", "message": said}}, 400)
        with pytest.raises(BadRequestError):
            taped(Door, Asked(refused), path).create()
    assert not path.exists()


@pytest.mark.parametrize(
    "broken",
    [
        (events("Hel", stop=False),),
        (events("Hel", stop=False), ConnectionResetError("cut")),
        (events("Hel", stop=False), b'event: error\ndata: {"type":"error","error":{"type":"x"}}\n\n'),
        (events("Hel")[:-5],),
    ],
    ids=["ended early", "cut", "in-stream error", "torn end"],
)
@every_door
def test_a_stream_that_broke_is_not_recorded(kind: type[Door], path: Path, broken: Any) -> None:
    with pytest.raises(StreamError):
        taped(kind, Asked(stream(*broken)), path).wire()
    assert not path.exists()


@every_door
def test_m8_a_stream_that_was_left_is_not_recorded_and_one_left_after_its_end_is(
    kind: type[Door], path: Path
) -> None:
    def left(door: Door, after: str) -> None:
        async def read() -> None:
            async with door.client.messages.stream(**ASK) as s:
                async for event in s:
                    if event["type"] == after:
                        break

        if kind is AsyncDoor:
            asyncio.run(read())
            return
        with door.client.messages.stream(**ASK) as s:
            next(e for e in s if e["type"] == after)

    frames = [f + b"\n\n" for f in events("Hel", "lo").split(b"\n\n") if f]
    left(taped(kind, Asked(stream(*frames)), path), "text")
    assert not path.exists()
    left(taped(kind, Asked(stream(*frames)), path), "message_stop")
    assert "Hello" == taped(kind, unused, path, "only").create().text


def test_a_page_of_a_captive_portal_and_broken_json_are_not_recorded(path: Path) -> None:
    portal = Response(200, {"content-type": "text/html"}, b"<p>Welcome")
    for said in (portal, Response(200, {"content-type": "application/json"}, b'{"type": "mess')):
        with pytest.raises(ClaudeError):
            taped(Door, Asked(said), path).create()
    assert not path.exists()


def test_a_packed_answer_is_recorded_unpacked(path: Path) -> None:
    import gzip

    kinds = {"content-type": "application/json", "content-encoding": "gzip"}
    said = Response(200, kinds, gzip.compress(wire.encode(answer())))
    first = taped(Door, Asked(said), path).create()
    assert answer() == written(path)[0]["response"]["body"]
    assert first == taped(Door, unused, path, "only").create()


# whatever the API does


@every_door
def test_files_batches_and_downloads_are_played_whatever_the_boundary(kind: type[Door], path: Path) -> None:
    data = bytes(range(256))
    item = {"custom_id": "a", "params": ASK}

    def session(app: Any) -> list[Any]:
        door = taped(kind, app, path)
        file = run(door, lambda c: c.files.upload(file=("a.bin", io.BytesIO(data), "application/pdf")))
        batch = run(door, lambda c: c.messages.batches.create(requests=[item]))
        return [file, batch, _results(door, batch["id"])]

    app = Counted()
    first = session(app)
    asked = len(app.paths)
    assert "a" == first[-1][0]["custom_id"]
    assert first == session(app)
    assert asked == len(app.paths)
    assert base64.b64encode(data).decode()[:40] not in path.read_text()


def _results(door: Door, batch: str) -> list[Any]:
    async def read() -> list[Any]:
        while (await door.client.messages.batches.retrieve(batch))["processing_status"] != "ended":
            pass
        return [r async for r in await door.client.messages.batches.results(batch)]

    if isinstance(door, AsyncDoor):
        return asyncio.run(read())
    while door.client.messages.batches.retrieve(batch)["processing_status"] != "ended":
        pass
    return list(door.client.messages.batches.results(batch))


def test_bytes_text_and_lines_come_out_as_they_went_in(path: Path) -> None:
    bodies = {
        "application/octet-stream": bytes(range(256)),
        "text/csv": "a,b\r\n1,é\n".encode(),
        "application/x-jsonl": b'{"a":1}\n{"a":1.5}\n',
        "application/binary": b"",
    }
    for n, (kind, data) in enumerate(bodies.items()):
        said = Response(200, {"content-type": kind}, data)
        for app in (Asked(said), unused):
            door = taped(Door, app, path)
            with httpx2.Client(transport=door.client._caller.http._transport) as http:
                assert data == http.get(f"{URL}/v1/files/{n}/content").content


def test_what_changes_with_time_plays_in_the_order_it_was_recorded(path: Path) -> None:
    def polled(app: Any, mode: str = "auto", times: int = 5) -> list[str]:
        door = taped(Door, app, path, mode)
        return [
            door.client.messages.batches.retrieve("msgbatch_1")["processing_status"] for _ in range(times)
        ]

    states = [json({"id": "msgbatch_1", "processing_status": s}) for s in ("in_progress",) * 3 + ("ended",)]
    seen = ["in_progress"] * 3 + ["ended"] * 2
    assert seen == polled(Asked(*states))
    assert [3, 2] == [line.get("times", 1) for line in written(path)]
    assert seen == polled(unused)
    assert [*seen, "ended"] == polled(unused, "only", 6)
    assert [*seen, "canceled"] == polled(Asked(json({"processing_status": "canceled"})), "auto", 6)
    assert [*seen, "canceled"] == polled(unused, "auto", 6)


def test_a_paid_call_made_twice_in_a_session_is_sent_once(path: Path) -> None:
    app = Asked(json(answer("one")), json(answer("two")))
    door = taped(Door, app, path)
    assert ["one", "one"] == [door.create().text, door.create().text]
    assert 1 == len(app.requests)


# modes


def test_the_modes(path: Path) -> None:
    app = Asked(*(json(answer(text)) for text in ("one", "two", "three", "four")))
    assert "one" == taped(Door, app, path, "auto").create().text
    assert "two" == taped(Door, app, path, "off").create().text
    assert "one" == taped(Door, app, path, "only").create().text
    assert "three" == taped(Door, app, path, "refresh").create().text
    assert "three" == taped(Door, app, path, "only").create().text
    with pytest.raises(InputError, match="no replay mode 'sometimes'") as caught:
        transport(None, Cassette(path), "sometimes")  # type: ignore[arg-type]
    assert all(mode in caught.value.hint for mode in MODES)


def test_only_needs_nothing_to_ask(path: Path) -> None:
    taped(Door, Asked(json(answer())), path).create()
    with httpx2.Client(transport=transport(None, Cassette(path), "only")) as http:
        assert "Hello back" == Client(api_key=KEY, base_url=URL, http_client=http).messages.create(**ASK).text


@every_door
def test_a_client_can_be_what_asks_and_stays_open(kind: type[Door], path: Path) -> None:
    app, made = Asked(json(answer())), httpx2.AsyncClient if kind is AsyncDoor else httpx2.Client
    shared = made(transport=AppTransport(app))
    door = kind(URL, http_client=made(transport=transport(shared, Cassette(path))))
    assert "Hello back" == door.create().text
    run(door, lambda c: c.close())
    assert not shared.is_closed
    assert "authorization" in app.requests[0].headers


@every_door
def test_a_miss_names_the_closest_request_and_what_differs(kind: type[Door], path: Path) -> None:
    app = Asked(json(answer()))
    recorder = taped(kind, app, path)
    recorder.create(messages=[{"role": "user", "content": "Summarise the sales of March in three bullets."}])
    recorder.create(messages=[{"role": "user", "content": "What is an index?"}])
    door = taped(kind, unused, path, "only")
    with pytest.raises(ReplayError) as caught:
        door.create(messages=[{"role": "user", "content": "Summarise the sales of April in three bullets."}])
    assert (
        "“Summarise the sales of April in three bullets.” is not recorded in lesson.replay.jsonl; "
        "the closest, line 1 (“Summarise the sales of March in three bullets.”), "
        "differs in the question: '…marise the sales of March in three bullets.'"
        " → '…marise the sales of April in three bullets.'"
    ) == str(caught.value)
    assert "--replay auto" in caught.value.hint
    with pytest.raises(ReplayError, match=r"line 2, differs in max_tokens: 100 → 7; system: nothing → 'Be"):
        door.create(
            max_tokens=7, system="Be brief", messages=[{"role": "user", "content": "What is an index?"}]
        )
    with pytest.raises(ReplayError, match=r"No GET /v1/models is recorded in lesson.replay.jsonl"):
        door.models()
    with pytest.raises(ReplayError, match="is recorded in nowhere"):
        taped(kind, unused, path.with_name("nowhere"), "only").create()


def test_a_miss_tells_versions_and_long_texts(path: Path) -> None:
    long = "word " * 1000
    recorder = taped(Door, Asked(json(answer())), path)
    recorder.create(system=long + "one", extra_headers={"anthropic-beta": "a"})
    door = taped(Door, unused, path, "only", anthropic_version="2023-06-01")
    told = r"anthropic-version: '2026-10-21' → '2023-06-01'; anthropic-beta\[0\]: 'a' → 'b'; and 1 more"
    with pytest.raises(ReplayError, match=told):
        door.create(system=long + "two", extra_headers={"anthropic-beta": "b"})
    with pytest.raises(ReplayError, match=r"system: 5,003 bytes \(\w{8}\) → 5,004 bytes \(\w{8}\)"):
        taped(Door, unused, path, "only").create(system=long + "four", extra_headers={"anthropic-beta": "a"})


def test_the_closest_is_the_one_with_the_fewest_and_smallest_differences() -> None:
    def asked(**body: Any) -> dict[str, Any]:
        return {"method": "POST", "path": "/v1/messages", "body": body}

    recorded = [
        asked(a="x", b="y"),
        asked(a="abcd", b=2),
        asked(a="abcz", b=1),
        {"method": "GET", "path": "/v1/messages"},
    ]
    found = closest.closest(asked(a="abcd", b=1), enumerate(recorded))
    assert found is not None
    assert (2, ["a: 'abcz' → 'abcd'"]) == (found.number, [str(d) for d in found.differences])
    assert None is closest.closest({"method": "PUT", "path": "/"}, enumerate(recorded))


# secrets


@pytest.mark.parametrize("secret", KINDS, ids=["claude", "github", "openai", "pem"])
@every_door
def test_k1_nothing_shaped_like_a_key_is_in_the_file(kind: type[Door], path: Path, secret: str) -> None:
    half = len(secret) // 2
    content: list[dict[str, Any]] = [
        {"type": "text", "text": f"Use\n{secret}."},
        {"type": "tool_use", "id": "t", "name": "f", "input": {secret: [secret]}},
    ]
    prompt = [{"role": "user", "content": [{"type": "text", "text": f"Is\n{secret} a key?"}]}]
    asks: list[dict[str, Any]] = [{"messages": prompt}, {"messages": prompt, "system": secret + "x" * 5000}]
    apps = [
        Asked(json(answer(content=content))),
        Asked(stream(events(f"Use {secret[:half]}", f"{secret[half:]}."))),
    ]
    for ask, app in zip(asks, apps, strict=True):
        door = taped(kind, app, path, api_key="another-key-of-no-known-shape")
        streamed = len(path.read_bytes()) if path.exists() else 0
        door.wire(**ask) if streamed else door.create(**ask)
        assert 1 == len(taped(kind, unused, path, "only").wire(**ask)[:1])
    held = path.read_text() + "".join(map(str, written(path)))
    assert all(part not in held for part in (secret, secret.splitlines()[-1][:20], "no-known-shape"))
    assert 2 == len(written(path))
    assert [] == Cassette(path).verify()


@every_door
def test_k1_the_key_of_the_request_is_in_the_file_in_no_form(kind: type[Door], path: Path) -> None:
    odd = "class.key+of/no-known=shape"
    for options in ({"api_key": odd}, {"default_headers": {"x-gateway-token": odd}}):
        said = json(
            answer(f"You are {odd}"), organization=odd, set_cookie=odd, anthropic_organization_id="org"
        )
        door = taped(kind, Asked(said), path, **options)
        door.create(system=f"I am {odd}", metadata={"user_id": odd})
    text = path.read_text()
    assert odd not in text
    assert {"content-type", "request-id"} == set(written(path)[0]["response"]["headers"])
    assert "org" not in stdjson.dumps(written(path)[0]["response"]["headers"])


def test_k1_a_conversation_with_a_key_in_it_goes_on_when_it_is_replayed(path: Path) -> None:
    said = [json(answer(f"Your key is {KINDS[0]}")), json(answer("You are welcome"))]

    def talk(app: Any, mode: str) -> str:
        door, turns = taped(Door, app, path, mode), [{"role": "user", "content": "Make up a key"}]
        for text in ("Thanks", ""):
            message = door.create(messages=turns)
            turns = [
                *turns,
                {"role": "assistant", "content": message.content},
                {"role": "user", "content": text},
            ]
        return str(message.text)

    assert "You are welcome" == talk(Asked(*said), "auto") == talk(unused, "only")


def test_k1_fields_named_like_secrets_are_left_out_and_a_tools_arguments_are_not(path: Path) -> None:
    use = {"type": "tool_use", "id": "t", "name": "login", "input": {"password": "hunter2"}}
    where = "https://mcp.example?api_key=plainword"
    server = {"type": "url", "url": where, "name": "x", "authorization_token": "plainword"}
    door = taped(Door, Asked(json(answer(content=[use]))), path)
    door.create(mcp_servers=[server])
    assert "plainword" not in path.read_text()
    assert {"password": "hunter2"} == taped(Door, unused, path, "only").create(mcp_servers=[server]).content[
        0
    ].input


def test_k1_calls_that_are_about_secrets_are_never_recorded(path: Path) -> None:
    app = Asked(json({"type": "token", "token": "plainword"}))
    for _ in range(2):
        taped(Door, app, path).client.request("POST", "/v1/tunnels/t/reveal_token")
    assert 2 == len(app.requests)
    assert not path.exists()
    with pytest.raises(ReplayError, match="is never recorded") as caught:
        taped(Door, unused, path, "only").client.request("POST", "/v1/tunnels/t/reveal_token")
    assert "--replay off" in caught.value.hint


def test_every_call_that_is_about_secrets_is_told_by_its_name() -> None:
    from claude_magic.protocol.endpoints import ENDPOINTS

    never = {name for name in ENDPOINTS if clean.NEVER.search(name)}
    assert {"oauth.token", "tunnels.reveal_token", "tunnels.rotate_token"} <= never
    assert {"messages.create", "messages.count_tokens", "organization.api_keys.list"}.isdisjoint(never)


def test_files_that_were_uploaded_and_long_texts_are_kept_by_their_digest(path: Path) -> None:
    picture = base64.b64encode(os.urandom(3000)).decode()
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    text = "The quick brown fox. " * 200
    blocks = [{"type": "image", "source": source}, {"type": "text", "text": text}]
    taped(Door, Asked(json(answer())), path).create(messages=[{"role": "user", "content": blocks}])
    image, prompt = written(path)[0]["request"]["body"]["messages"][0]["content"]
    assert ({"sha256", "bytes"}, 4000) == (set(image["source"]["data"]), image["source"]["data"]["bytes"])
    assert prompt["text"]["begins"].startswith("The quick brown fox.")
    assert picture not in path.read_text()


# the file


def test_a_line_that_is_recorded_anew_keeps_its_place_and_the_rest_its_bytes(path: Path) -> None:
    app = Asked(*(json(answer(str(n))) for n in range(4)))
    for n in range(3):
        taped(Door, app, path).create(max_tokens=n + 1)
    held = path.read_bytes().split(b"\n")
    held[0] = held[0].replace(b'{"cassette"', b'{"note":"first","cassette"')
    held[1] = held[1].replace(b'{"cassette"', b'{"note":[1.50],"cassette"')
    path.write_bytes(b"\n".join(held))
    taped(Door, app, path, "refresh").create(max_tokens=2)
    now = path.read_bytes().split(b"\n")
    assert [held[0], *held[2:]] == [now[0], *now[2:]]
    line = stdjson.loads(now[1])
    assert ([1.5], "3") == (line["note"], line["response"]["body"]["content"][0]["text"])
    assert [] == Cassette(path).verify()


def test_an_answer_that_is_the_same_again_changes_no_byte(path: Path) -> None:
    app = Asked(json(answer()), json(answer(), request_id="req_2"))
    taped(Door, app, path).create()
    before = path.read_bytes()
    taped(Door, app, path, "refresh").create()
    assert (2, before) == (len(app.requests), path.read_bytes())


def test_the_file_has_ordinary_permissions_and_keeps_those_it_was_given(path: Path) -> None:
    app = Asked(json(answer("one")), json(answer("two")))
    old = os.umask(0o022)
    try:
        taped(Door, app, path).create()
        assert 0o644 == stat.S_IMODE(path.stat().st_mode)
        path.chmod(0o664)
        taped(Door, app, path, "refresh").create()
    finally:
        os.umask(old)
    assert 0o664 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_a_file_cut_at_any_byte_gives_its_whole_lines_and_takes_new_ones(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Asked(json(answer()))
    for n in (1, 2):
        taped(Door, app, path).create(max_tokens=n)
    data = path.read_bytes()
    first = data.index(b"\n") + 1
    line = lines.request, {"status": 200, "headers": {}, "body": answer("new")}
    for cut in (*range(0, len(data), 7), first - 1, first, len(data) - 1):
        path.write_bytes(data[:cut])
        tape, caplog_before = Cassette(path), len(caplog.records)
        whole = (cut >= first - 1) + (cut >= len(data) - 1)
        assert whole == len(tape), cut
        torn = cut not in (0, first, first - 1, len(data), len(data) - 1)
        assert torn == (len(caplog.records) > caplog_before), cut
        tape.put("new", {"method": "GET", "path": "/"}, line[1], once=True)
        assert whole + 1 == len(tape) == len(Cassette(path)), cut
        assert [] == tape.verify(), cut
    assert all("is not finished" in r.message for r in caplog.records)


def test_lines_that_cannot_be_read_are_told_passed_over_and_kept(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Asked(json(answer("one")), json(answer("two")))
    taped(Door, app, path).create()
    tomorrow = b'{"cassette":2,"key":"k","of":"tomorrow"}'
    path.write_bytes(b"<<<<<<< HEAD\n" + path.read_bytes() + b"=======\n\n" + tomorrow + b"\n\xff\n[1]\n")
    assert "one" == taped(Door, unused, path, "only").create().text
    assert ["5 line(s) of"] == [r.message[:12] for r in caplog.records]
    assert 1 == len(Cassette(path).exchanges())
    taped(Door, app, path, "refresh").create()
    now = path.read_bytes().split(b"\n")
    assert [b"<<<<<<< HEAD", b"=======", b"", tomorrow, b"\xff", b"[1]", b""] == [now[0], *now[2:]]
    assert "two" == taped(Door, unused, path, "only").create().text


def test_a_file_edited_in_place_is_read_anew(path: Path) -> None:
    app = Asked(json(answer("one")))
    tape = Cassette(path)
    for n in (1, 2):
        taped(Door, app, tape).create(max_tokens=n)
    with path.open("r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(b"\n\n" + data.replace(b"one", b"another"))
    assert "another" == taped(Door, unused, tape, "only").create(max_tokens=2).text
    path.unlink()
    with pytest.raises(ReplayError):
        taped(Door, unused, tape, "only").create(max_tokens=2)


def test_a_file_that_was_changed_between_a_look_and_the_reading_is_looked_at_again(path: Path) -> None:
    tape, asked = Cassette(path), {"method": "GET", "path": "/"}
    tape.put("one", asked, {"status": 200}, once=True)
    tape.put("two", asked, {"status": 200}, once=True)
    path.write_bytes(b"\n" * 50 + path.read_bytes())
    tape._seen = tape_mark(path.stat())
    assert "two" == (tape.take("two", repeat=True) or {})["key"]


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
def test_a_kernel_that_does_not_let_go_of_the_file_costs_the_record_and_not_the_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import fcntl

    monkeypatch.setattr("claude_magic.cassette.turns.PATIENCE", 0)
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "Hello back" == taped(Door, Asked(json(answer())), path).create().text
    assert "another kernel does not let go" in caplog.text
    assert b"" == path.read_bytes()


def test_an_answer_is_shown_though_it_cannot_be_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert (
        "Hello back" == taped(Door, Asked(json(answer())), tmp_path / "file" / "x", "refresh").create().text
    )
    assert "could not be recorded" in caplog.text
    with pytest.raises(ConfigError, match="cannot be read"):
        taped(Door, unused, tmp_path, "only").create()


WRITER = """
import sys
from claude_magic.cassette.tape import Cassette
tape, name, asked = Cassette(sys.argv[1]), sys.argv[2], {"method": "GET", "path": "/"}
for n in range(int(sys.argv[3])):
    held = {"status": 200, "headers": {}, "body": {"id": "x" * 3000, "n": n}}
    tape.put(f"{name}{n}", asked, held, once=True)
    if n % 5 == 4:  # a file written anew
        tape.put(f"{name}{n}", asked, {**held, "status": 201}, once=True, renew=True)
    print(n, flush=True)
"""


def writer(path: Path, name: str, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(times)], stdout=subprocess.PIPE, text=True
    )


def test_two_kernels_that_write_at_once_lose_nothing(path: Path) -> None:
    kernels = [writer(path, name, 40) for name in "ab"]
    for kernel in kernels:
        kernel.communicate(timeout=300)
        assert 0 == kernel.returncode
    found = [t.key for t in Cassette(path).exchanges()]
    assert sorted(f"{name}{n}" for name in "ab" for n in range(40)) == sorted(found)
    assert [] == Cassette(path).verify()


def test_m1_what_was_recorded_survives_a_kill_at_any_moment(path: Path) -> None:
    rng = random.Random(7)
    for round_ in range(4):
        kernel = writer(path, f"r{round_}-", 10_000)
        assert kernel.stdout is not None
        told = [kernel.stdout.readline() for _ in range(rng.randrange(1, 30))]
        kernel.kill()
        told += kernel.communicate()[0].splitlines()
        keys = {t.key for t in Cassette(path).exchanges()}
        assert {f"r{round_}-{n}" for n in range(len([t for t in told if t.strip()]))} <= keys
        Cassette(path).put("end", {"method": "GET", "path": "/"}, {"status": round_}, once=True, renew=True)
        assert [] == Cassette(path).verify()


# telling and grading


def test_c4_an_edited_line_is_found_and_a_rewritten_but_equal_one_is_not(path: Path) -> None:
    app = Asked(json(answer()))
    for n in range(3):
        taped(Door, app, path).create(max_tokens=n + 1)
    tape, held = Cassette(path), path.read_text().splitlines()
    assert [] == tape.verify()
    edits = {
        "answer": held[1].replace("Hello back", "Hello, 42"),
        "prompt": held[1].replace('"Hello"', '"Hi"'),
        "date": held[1].replace('"recorded":"2', '"recorded":"1'),
        "status": held[1].replace('"status":200', '"status":404'),
        "check": held[1].replace("sha256:", "sha256:0"),
        "torn": held[1][:-9],
    }
    for what, line in edits.items():
        path.write_text("\n".join([held[0], line, held[2], ""]))
        assert [2] == [e.line for e in tape.verify()], what
    path.write_text("\n".join(stdjson.dumps(stdjson.loads(line), sort_keys=True) for line in held))
    assert [] == tape.verify()


def test_c4_with_a_secret_a_line_cannot_be_made_by_who_does_not_hold_it(path: Path) -> None:
    secret = "a teacher's secret"
    taped(Door, Asked(json(answer())), Cassette(path, secret=secret)).create()
    taped(Door, Asked(json(answer("forged"))), path).create(max_tokens=7)
    assert [] == [e for e in Cassette(path).verify(secret) if e.line == 1]
    assert ["it is not sealed with the secret"] == [e.why for e in Cassette(path, secret=secret).verify()]
    assert ["it is sealed with a secret that was not given"] == [e.why for e in Cassette(path).verify()]
    assert ["it was changed"] == [e.why for e in Cassette(path).verify("another") if e.line == 1]
    assert secret not in path.read_text() + repr(vars(Cassette(path, secret=secret)))


def test_exchanges_tell_what_was_asked_in_the_order_of_the_file(path: Path) -> None:
    app = Counted()
    door = taped(Door, app, path)
    door.wire(
        messages=[{"role": "user", "content": [{"type": "text", "text": "What  is\nan index? " * 200}]}]
    )
    message = door.create()
    door.models()
    first, second, third = Cassette(path).exchanges()
    assert ("claude-haiku-5-5", True, 200) == (first.model, first.stream, first.status)
    assert first.prompt.startswith("What is an index? What is")
    assert message.usage.output_tokens == second.output_tokens
    assert ("Hello", 2, "/v1/messages") == (second.prompt, second.line, second.path)
    assert ("GET", "/v1/models", "", None) == (third.method, third.path, third.prompt, third.model)
    assert [] == Cassette(path.with_name("none")).exchanges()


def test_a_recorded_answer_that_was_edited_into_nonsense_is_one_clear_error(path: Path) -> None:
    taped(Door, Asked(json(answer())), path).create()
    for broken in (
        '"response":{}',
        '"response":{"status":200,"headers":[]}',
        '"response":{"status":"x","headers":{}}',
    ):
        line = stdjson.loads(path.read_text())
        line["response"] = stdjson.loads("{" + broken + "}")["response"]
        path.with_name("broken").write_text(stdjson.dumps(line) + "\n")
        with pytest.raises(ReplayError, match="cannot be played") as caught:
            taped(Door, unused, path.with_name("broken"), "only").create()
        assert "--replay refresh" in caught.value.hint


def test_a_lookup_reads_one_line_of_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"status": 200, "headers": {}, "body": answer()}
    Cassette(path).put("first", {"method": "GET", "path": "/"}, line, once=True)
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.replace(b"first", b"%05d" % n) for n in range(10_000)))
    tape = Cassette(path)
    assert 10_000 == len(tape)
    read = list[int]()
    real = Cassette._bytes
    monkeypatch.setattr(Cassette, "_bytes", lambda self, span: read.append(span.length) or real(self, span))
    monkeypatch.setattr(Cassette, "_index", unused)
    assert [f"{n:05d}" for n in (9_999, 0, 5_000)] == [
        (tape.take(f"{n:05d}", repeat=True) or {})["key"] for n in (9_999, 0, 5_000)
    ]
    assert None is tape.take("none", repeat=True)
    assert 3 * (len(whole) - 1) == sum(read)


def test_a_rate_limit_is_told_and_the_answer_after_it_recorded(path: Path) -> None:
    app = Asked(error(429), json(answer()))
    door = taped(Door, app, path)
    with pytest.raises(RateLimitError):
        door.create()
    assert door.create() == taped(Door, unused, path, "only").create()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns of threads
def test_r1_a_forked_child_records_though_a_thread_held_the_cassette(path: Path) -> None:
    tape = Cassette(path)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tape._lock:
            held.set()
            done.wait(300)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(300)
    child = os.fork()
    if not child:
        try:
            tape.put("child", {"method": "GET", "path": "/"}, {"status": 200}, once=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    done.set()
    thread.join()
    assert "child" == (tape.take("child", repeat=True) or {})["key"]


def test_what_was_not_found_before_it_was_made_is_found_after(path: Path) -> None:
    def session(app: Any) -> str:
        door = taped(Door, app, path)
        with pytest.raises(NotFoundError):
            door.client.files.retrieve_metadata("file_1")
        return str(door.client.files.retrieve_metadata("file_1").id)

    app = Asked(error(404, "not_found_error"), json({"id": "file_1"}))
    assert "file_1" == session(app) == session(unused)


def test_threads_record_and_play_through_one_cassette(path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    logging.getLogger("httpx2").setLevel(logging.WARNING)
    door = taped(Door, Asked(json(answer())), Cassette(path))
    with ThreadPoolExecutor(8) as threads:
        texts = [*threads.map(lambda n: door.create(max_tokens=n % 10 + 1).text, range(60))]
    assert ["Hello back"] * 60 == texts
    assert 10 == len(Cassette(path)) == len(written(path))


def test_o6_c4_headers_of_an_edited_line_neither_hide_the_edit_nor_change_the_answer(path: Path) -> None:
    taped(Door, Asked(json(answer())), path).create()
    line = stdjson.loads(path.read_text())
    line["response"]["headers"] |= {
        lines.REPLAY.title(): "live",
        "content-encoding": "gzip",
        "x-\u2603": "\u2603",
    }
    line["recorded"] = "2026\u2603"
    path.write_text(stdjson.dumps(line) + "\n")
    played = taped(Door, unused, path, "only").create()
    assert ("Hello back", "2026\\u2603; edited") == (played.text, played.response.headers[lines.REPLAY])
    assert "content-encoding" not in played.response.headers


def test_a_line_that_has_no_answer_is_told_as_that(path: Path) -> None:
    taped(Door, Asked(json(answer())), path).create()
    path.write_text(stdjson.dumps({**stdjson.loads(path.read_text()), "response": []}) + "\n")
    with pytest.raises(ReplayError, match="cannot be played"):
        taped(Door, unused, path, "only").create()

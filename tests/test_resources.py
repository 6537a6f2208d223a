"""Do batches, files and skills do what their rows cannot say, with both clients?"""

from __future__ import annotations

import asyncio
import json as plain_json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from claude_magic.api import resources
from claude_magic.api.client import Client
from claude_magic.app import Request, Response
from claude_magic.errors import ClaudeError, InputError, NotFoundError, RequestTooLargeError, StreamError
from claude_magic.practice import Practice
from tests.benchmarks import uploads
from tests.doors import ASK, Asked, AsyncDoor, Door, error, json
from tests.ways import both, fields, go, items

PARAMS = {"model": "claude-haiku-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "ü"}]}


def request(name: Any, **params: Any) -> dict[str, Any]:
    return {"custom_id": name, "params": {**PARAMS, **params}}


# Batches


@both
def test_a_batch_goes_out_as_the_list_that_its_generator_makes(door: type[Door]):
    asked = Asked(json({"id": "msgbatch_1"}))
    wanted = [request(f"row-{n}") for n in range(3)]
    for given in (wanted, iter(wanted), (one for one in wanted), dict(enumerate(wanted)).values()):
        found = go(
            door(asked), lambda c, given=given: c.messages.batches.create(requests=given, workspace_id="w")
        )
        assert "msgbatch_1" == found.id
        sent = asked.requests[-1]
        assert {"requests": wanted} == plain_json.loads(sent.body)
        assert ("application/json", "w") == (
            sent.headers["content-type"],
            sent.headers["anthropic-workspace-id"],
        )
        assert str(len(sent.body)) == sent.headers["content-length"]


@both
def test_what_else_is_given_with_a_batch_is_sent_too(door: type[Door]):
    asked = Asked(json({}))
    go(door(asked), lambda c: c.messages.batches.create(requests=[], extra_body={"of_tomorrow": 1}))
    assert {"requests": [], "of_tomorrow": 1} == plain_json.loads(asked.requests[0].body)


def test_an_async_client_sends_a_batch_that_comes_in_while_it_is_made():
    asked, wanted = Asked(json({"id": "msgbatch_1"})), [request("a"), request("b")]

    class Table:  # not a generator, but goes through like one
        async def __aiter__(self) -> Any:
            for one in wanted:
                yield one

    async def made() -> Any:
        for one in wanted:
            yield one

    for given in (made(), Table()):
        go(AsyncDoor(asked), lambda c, given=given: c.messages.batches.create(requests=given))
        assert {"requests": wanted} == plain_json.loads(asked.requests[-1].body)
    with pytest.raises(InputError, match="async_generator is no list") as caught:
        go(Door(asked), lambda c: c.messages.batches.create(requests=made()))
    assert "AsyncClient" in caught.value.hint


TWICE = [request("a"), request("b"), request("a")]
UNUSABLE: dict[str, tuple[Any, str]] = {
    "twice": (TWICE, "The custom_id 'a' is in the batch twice"),
    "missing": ([{"params": PARAMS}], "Request 0 of the batch has the custom_id None"),
    "a number": ([request(5)], "has the custom_id 5"),
    "empty": ([request("")], "has the custom_id ''"),
    "too long": ([request("a" * 65)], "has the custom_id"),
    "a space": ([request("a b")], "has the custom_id 'a b'"),
    "a line feed": ([request("a\n")], "has the custom_id"),
    "another alphabet": ([request("ü")], "has the custom_id 'ü'"),
    "no params": ([request("a"), {"custom_id": "b"}], "Request 1 of the batch has no params"),
    "no request": ([5], "Request 0 of the batch has no params"),
    "no JSON": ([request("a", tools=[object()])], "Request 'a' cannot be sent as JSON"),
    "not a number": ([request("a", top_p=float("nan"))], "Request 'a' holds NaN or infinity"),
    "infinite": ([request("a", tools=[{"most": -float("inf")}])], "Request 'a' holds NaN or infinity"),
    "a frame": (pd.DataFrame([request("a")]), "type DataFrame is no list of requests"),
    "nothing": (None, "type NoneType is no list of requests"),
    "a dict": (request("a"), "type dict is no list of requests"),
    "a text": ("abc", "type str is no list of requests"),
}


@both
@pytest.mark.parametrize(("given", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_m11_a_request_that_could_not_be_found_again_is_named_before_anything_is_sent(
    door: type[Door], given, told
):
    asked = Asked(json({}))
    with pytest.raises(InputError, match=told) as caught:
        go(door(asked), lambda c: c.messages.batches.create(requests=given))
    assert caught.value.hint
    assert [] == asked.requests


@both
def test_what_is_no_json_beside_a_long_list_or_in_a_form_is_refused_as_in_any_other_call(door: type[Door]):
    asked = Asked(json({}))
    for call in (
        lambda c: c.messages.batches.create(requests=[request("a")], extra_body={"odd": object()}),
        lambda c: c.files.upload(b"x", extra_body={"odd": object()}),
    ):
        with pytest.raises(InputError, match="A parameter cannot be sent as JSON") as caught:
            go(door(asked), call)
        assert caught.value.hint
    assert [] == asked.requests


def test_a_batch_that_is_too_large_or_endless_is_stopped_while_it_is_made(monkeypatch):
    asked, made = Asked(json({})), []

    def endless() -> Iterator[dict[str, Any]]:
        while True:
            made.append(1)
            yield request(f"row-{len(made)}", system="x" * 2**20)

    with pytest.raises(RequestTooLargeError, match=r"takes 256 MB\. Nothing was sent") as caught:
        go(Door(asked), lambda c: c.messages.batches.create(requests=endless()))
    assert "another batch" in caught.value.hint
    assert 256 == len(made)
    monkeypatch.setattr(resources, "MOST_REQUESTS", 3)
    with pytest.raises(InputError, match="A batch takes 3 requests"):
        go(Door(asked), lambda c: c.messages.batches.create(requests=map(request, "abcd")))
    assert [] == asked.requests


@both
def test_a_failure_of_the_generator_is_told_as_it_is_and_nothing_is_sent(door: type[Door]):
    asked = Asked(json({}))

    def broken() -> Iterator[dict[str, Any]]:
        yield request("a")
        raise LookupError("my own fault")

    with pytest.raises(LookupError, match="my own fault"):
        go(door(asked), lambda c: c.messages.batches.create(requests=broken()))
    assert [] == asked.requests


@both
def test_a_batch_goes_its_whole_way_on_the_practice_server(door: type[Door]):
    app = Practice()
    made = door(app)
    batches = go(made, lambda c: c.messages.batches.create(requests=[request("a"), request("b")]))
    assert "in_progress" == batches.processing_status
    assert [batches.id] == [one.id for one in go(made, lambda c: c.messages.batches.list(), items)]
    assert "canceling" == go(made, lambda c: c.messages.batches.cancel(batches.id)).processing_status


# Files


@both
def test_an_uploads_options_travel_where_they_belong(door: type[Door], tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1,2")
    asked = Asked(json({"id": "file_1"}))
    path = tmp_path / "a.csv"
    go(
        door(asked),
        lambda c: c.files.upload(path, filename="b.bin", mime_type="text/x-b", expires_in_seconds=3600),
    )
    sent = asked.requests[0]
    first, second = fields(sent.headers["content-type"], sent.body)
    assert ("expires_in_seconds", b"3600") == (first.name, first.data)
    assert ("file", "b.bin", "text/x-b", b"1,2") == tuple(second)
    go(door(asked), lambda c: c.files.upload(file=pd.DataFrame({"n": [1]}), expires_in_seconds=None))
    (only,) = fields(asked.requests[1].headers["content-type"], asked.requests[1].body)
    assert ("data.csv", b"n\n1\n") == (only.filename, only.data)


def serving_file(name: Any, *parts: bytes | Exception) -> Asked:
    """Answer a file's metadata and its content."""

    def app(asked: Request) -> Response:
        if asked.path.endswith("/content"):
            return Response(200, {"content-type": "text/csv", "request-id": "req_1"}, iter(parts))
        return json({"id": "file_1", "filename": name})

    return Asked(app)


@both
def test_a_file_comes_down_as_a_feed_to_a_path_or_into_a_folder(door: type[Door], tmp_path):
    def of() -> Any:
        return door(serving_file("r 1.csv", b"1,", b"2"))

    assert b"1,2" == go(of(), lambda c: c.files.download("file_1"), lambda feed: feed.read())
    assert tmp_path / "mine.csv" == go(of(), lambda c: c.files.download("file_1", tmp_path / "mine.csv"))
    assert tmp_path / "r 1.csv" == go(of(), lambda c: c.files.download("file_1", str(tmp_path)))
    assert tmp_path / "r 1 (2).csv" == go(of(), lambda c: c.files.download(file_id="file_1", to=tmp_path))
    assert tmp_path / "new" / "r 1.csv" == go(of(), lambda c: c.files.download("file_1", f"{tmp_path}/new/"))
    assert [b"1,2"] * 4 == [path.read_bytes() for path in tmp_path.rglob("*.csv")]


@both
@pytest.mark.parametrize("name", ["../../x.csv", "/etc/x.csv", "C:\\x.csv", None, 5, ["x"]], ids=repr)
def test_a_file_never_lands_outside_the_folder(door: type[Door], name, tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    path = go(door(serving_file(name, b"1,2")), lambda c: c.files.download("file_1", folder))
    assert [path] == list(folder.iterdir())
    assert [folder] == list(tmp_path.iterdir())


@both
def test_a_file_that_breaks_off_leaves_nothing_behind(door: type[Door], tmp_path):
    for to in (tmp_path, tmp_path / "a.csv"):
        with pytest.raises(StreamError):
            go(
                door(serving_file("a.csv", b"1,", ConnectionError())),
                lambda c, to=to: c.files.download("file_1", to),
            )
    with pytest.raises(NotFoundError):
        go(door(Asked(error(404))), lambda c: c.files.download("file_1", tmp_path))
    assert [] == list(tmp_path.iterdir())


@both
def test_a_file_that_is_shorter_than_the_server_said_leaves_nothing_behind(door: type[Door], tmp_path):
    asked = Asked(json({"id": "file_1", "filename": "a.csv", "size_bytes": 9}), Response(200, {}, b"1,2"))
    with pytest.raises(StreamError, match="6 bytes of the file did not come") as caught:
        go(door(asked), lambda c: c.files.download("file_1", tmp_path))
    assert (200, 1) == (caught.value.status, len(caught.value.attempts))
    assert [] == list(tmp_path.iterdir())


def test_r1_a_hundred_threads_write_over_none_of_each_others_files(tmp_path):
    def serve(request: Request) -> Response:
        if request.path.endswith("/content"):
            return Response(200, {}, request.path.split("/")[-2].encode())
        return json({"id": "x", "filename": "a.csv"})

    client = Door(serve).client
    with ThreadPoolExecutor(100) as threads:
        paths = list(threads.map(lambda n: client.files.download(f"file_{n}", tmp_path), range(100)))
    assert [f"file_{n}" for n in range(100)] == [path.read_text() for path in paths]
    assert sorted(paths) == sorted(tmp_path.iterdir())


@both
def test_a_place_that_cannot_be_written_is_told_before_the_content_is_asked_for(door: type[Door], tmp_path):
    (tmp_path / "file").touch()
    asked = serving_file("a.csv", b"1,2")
    with pytest.raises(InputError, match="cannot be written"):
        go(door(asked), lambda c: c.files.download("file_1", f"{tmp_path}/file/"))
    assert ["/v1/files/file_1"] == [one.path for one in asked.requests]


# Skills


@both
def test_a_skill_goes_up_from_its_folder_and_its_versions_too(door: type[Door], tmp_path):
    (tmp_path / "tides").mkdir()
    (tmp_path / "tides" / "SKILL.md").write_text("---\nname: tides\n---\n")
    asked = Asked(json({"id": "skill_1"}))
    folder = tmp_path / "tides"
    go(door(asked), lambda c: c.skills.create(files=folder, display_name="Tides"))
    go(door(asked), lambda c: c.skills.versions.create("skill_1", files=str(folder)))
    go(door(asked), lambda c: c.skills.versions.create(skill_id="skill_1", files=[("tides/SKILL.md", b"x")]))
    first, *others = (fields(one.headers["content-type"], one.body) for one in asked.requests)
    assert [("display_name", None), ("files[]", "tides/SKILL.md")] == [
        (part.name, part.filename) for part in first
    ]
    assert [[("files[]", "tides/SKILL.md")]] * 2 == [
        [(p.name, p.filename) for p in parts] for parts in others
    ]
    assert ["/v1/skills", *["/v1/skills/skill_1/versions"] * 2] == [one.path for one in asked.requests]


@both
def test_a_version_comes_down_by_place_and_in_the_official_sdks_way(door: type[Door], tmp_path):
    asked = serving_file("x", b"PK")
    ways = [
        lambda c: c.skills.versions.download("skill_1", "skver_1", to=tmp_path),
        lambda c: c.skills.versions.download("skver_1", skill_id="skill_1", to=tmp_path),
        lambda c: c.skills.versions.download(version="skver_1", skill_id="skill_1", to=tmp_path / "mine.zip"),
        lambda c: c.skills.versions.download("skill_1", "skver_1", tmp_path),
        lambda c: c.skills.versions.download("skver_1", tmp_path, skill_id="skill_1"),
    ]
    names = ["skver_1.zip", "skver_1 (2).zip", "mine.zip", "skver_1 (3).zip", "skver_1 (4).zip"]
    assert names == [go(door(asked), way).name for way in ways]
    assert {"/v1/skills/skill_1/versions/skver_1/content"} == {one.path for one in asked.requests}
    assert b"PK" == go(door(asked), lambda c: c.skills.versions.download("s", "v"), lambda feed: feed.read())


# Both clients, and types


def test_the_async_client_has_every_friendly_verb_awaited(tmp_path):
    async def run() -> None:
        client = AsyncDoor(Practice()).client
        uploaded = await client.files.upload(b"x", filename="a.txt")
        assert "a.txt" == (await client.files.retrieve_metadata(uploaded.id)).filename
        with pytest.raises(ClaudeError):
            await client.files.download(uploaded.id, tmp_path)
        assert [uploaded.id] == [file.id async for file in client.files.list()]
        batch = await client.messages.batches.create(requests=[request("a")])
        assert batch.id == (await client.messages.batches.retrieve(batch.id)).id
        assert "message" == (await client.messages.create(**ASK)).type
        assert (
            0
            < (await client.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])).input_tokens
        )

    asyncio.run(run())


def test_a_type_checker_knows_the_parts_whose_methods_have_types():
    kinds = {"messages": "Messages", "files": "Files", "skills": "Skills"}
    assert kinds == {name: Client.__annotations__[name] for name in kinds}
    assert {"batches": "Batches"} == {"batches": resources.Messages.__annotations__["batches"]}
    assert {"versions": "SkillVersions"} == resources.Skills.__annotations__
    for name, made in (*kinds.items(), ("messages.batches", "Batches"), ("skills.versions", "SkillVersions")):
        client: Any = Client(base_url="practice:")
        for word in name.split("."):
            client = getattr(client, word)
        assert made == type(client).__mro__[1].__name__


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("way", ["file", "batch"])
def test_sending_200_mb_adds_little_to_memory(way):
    assert 20 > uploads.added(way, 200 * uploads.MB)

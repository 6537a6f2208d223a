"""Do skills reach a request, does a paused run of code go on, and are the files it made named and fetched?"""

from __future__ import annotations

import json
import pickle
import signal
from decimal import Decimal

import httpx2
import pytest

from claude_magic import ledger, settings
from claude_magic.api.client import Client
from claude_magic.app import Response
from claude_magic.errors import BudgetError, InputError, OverloadedError, Stopped
from claude_magic.money.dryrun import dry_run
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.talk import chat, current, making, sending, uploads
from claude_magic.talk.thread import Thread
from tests import doors

SKILL = "---\nname: tidy-tables\ndescription: Makes tables tidy.\n---\nBe tidy.\n"
ROOM = {"id": "container_1", "expires_at": "2099-01-01T00:00:00Z", "skills": None}


class Server:
    """A practice server, or what stands in for its answers to questions, and the bodies of the questions."""

    def __init__(self, *answers):
        self.practice, self.answers, self.bodies, self.paths = Practice(), list(answers), [], []

    def __call__(self, request):
        self.paths.append(f"{request.method} {request.path}")
        if request.path != "/v1/messages":
            return self.practice(request)
        self.bodies.append(json.loads(request.body))
        return self.answers.pop(0) if self.answers else self.practice(request)

    def client(self):
        http = httpx2.Client(transport=AppTransport(self))
        return Client(base_url="http://localhost:1", api_key="practice-key", max_retries=0, http_client=http)


def said(*blocks, stop_reason="end_turn", **fields):
    return doors.json(doors.answer(content=list(blocks), stop_reason=stop_reason, container=ROOM, **fields))


def text(words):
    return {"type": "text", "text": words}


def ran(*files, number=1):
    outputs = [{"type": "bash_code_execution_output", "file_id": name} for name in files]
    result = {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0}
    return [
        {
            "type": "server_tool_use",
            "id": f"srvtoolu_{number}",
            "name": "bash_code_execution",
            "input": {"command": "make"},
        },
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": f"srvtoolu_{number}",
            "content": {**result, "content": outputs},
        },
    ]


@pytest.fixture(autouse=True)
def practice_mode(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")


# ---- skills ------------------------------------------------------------------------------------------------


def test_a_skill_brings_its_container_and_the_code_tool():
    server = Server()
    chat.ask("Make an Excel file", skills="xlsx", client=server.client())
    (body,) = server.bodies
    skill = {"type": "anthropic", "skill_id": "xlsx", "version": "latest"}
    assert {"skills": [skill]} == body["container"]
    assert [making.CODE] == body["tools"]


def test_a_version_pins_a_skill_and_tools_of_ones_own_stay():
    server, tool = Server(), {"name": "f", "input_schema": {"type": "object"}}
    choice = {"tools": [tool], "tool_choice": {"type": "none"}}
    chat.ask("A file", skills=["pdf@20251013"], params=choice, client=server.client())
    assert "20251013" == server.bodies[0]["container"]["skills"][0]["version"]
    assert [making.CODE, tool] == server.bodies[0]["tools"]


@pytest.mark.parametrize("by", ["id", "Tidy Tables", "tidy-tables"])
def test_ones_own_skill_is_named_by_id_display_name_or_name(by, tmp_path):
    server = Server()
    client = server.client()
    (tmp_path / "tidy").mkdir()
    (tmp_path / "tidy" / "SKILL.md").write_text(SKILL)
    made = client.skills.create(files=tmp_path / "tidy", display_name="Tidy tables")
    chat.ask("Tidy up", skills=[made.id if by == "id" else by], client=client)
    assert [{"type": "custom", "skill_id": made.id, "version": "latest"}] == server.bodies[0]["container"][
        "skills"
    ]


def test_an_unknown_skill_names_the_nearest_and_nothing_is_asked():
    server = Server()
    with pytest.raises(InputError, match="no skill 'xslx'") as caught:
        chat.ask("A file", skills="xslx", client=server.client())
    assert "Did you mean xlsx?" in caught.value.hint
    assert [] == server.bodies


def test_more_skills_than_a_request_takes_are_refused():
    with pytest.raises(InputError, match="20 skills"):
        making.skills([f"skill_{n}" for n in range(21)], current.client)


def test_a_conversation_keeps_its_skills_and_its_container():
    server, talk = Server(), Thread()
    for question in ("Make an Excel file", "And another workbook?"):
        chat.ask(question, thread=talk, skills=[] if talk.turns else ["xlsx"], client=server.client())
    first, second = server.bodies
    assert "id" not in first["container"]
    assert {"id": talk.container["id"], **first["container"]} == second["container"]
    talk.reset()
    assert ([], None) == (talk.skills, talk.container)


def test_a_container_that_is_gone_is_forgotten_so_that_the_next_run_gets_a_new_one():
    server, talk = Server(), Thread()
    chat.ask("Make an Excel file", thread=talk, skills="xlsx", client=server.client())
    talk.container["id"] = "container_practice_999"
    with pytest.raises(making.APIError) as caught:
        chat.ask("Another", thread=talk, client=server.client())
    assert "Run the cell again" in caught.value.hint
    assert chat.ask("Another", thread=talk, client=server.client()).files


def test_m7_under_a_budget_code_is_refused_as_it_has_no_most():
    settings.use("max_cost", "5")
    server = Server()
    with pytest.raises(BudgetError) as caught:
        chat.ask("A file", skills="xlsx", client=server.client())
    assert "without --skill" in caught.value.hint
    assert [] == server.bodies


def test_a_dry_run_shows_the_container_and_asks_nothing(client):
    found = dry_run("Make an Excel file", skills=["xlsx"], client=client)
    assert "xlsx" == found.body["container"]["skills"][0]["skill_id"]
    assert [] == ledger.shared().rows()


# ---- pauses ------------------------------------------------------------------------------------------------


def test_a_pause_of_the_service_is_gone_on_with_and_every_send_is_recorded():
    server = Server(
        said(text("Let me see."), *ran("file_1"), stop_reason="pause_turn"),
        said(*ran("file_2", number=2), text("Both are made.")),
    )
    talk = Thread("made")
    answer = chat.ask("Two files", skills="xlsx", thread=talk, client=server.client(), stream=False)
    assert "Let me see.\n\nBoth are made." == answer
    assert (["file_1", "file_2"], "end_turn", 16, 1) == (
        [file.file_id for file in answer.files],
        answer.stop_reason,
        answer.usage.input_tokens,
        answer.turn,
    )
    rows = ledger.shared().rows()
    assert ["pause_turn", "end_turn"] == [row.stop_reason for row in rows]
    assert answer.cost == sum(row.cost_usd for row in rows) > Decimal(0)
    assert server.bodies[0]["messages"][0] == server.bodies[1]["messages"][0]
    assert [text("Let me see."), *ran("file_1")] == server.bodies[1]["messages"][1]["content"]
    assert "container_1" == server.bodies[1]["container"]["id"]
    assert ["user", "assistant"] == [m["role"] for m in talk.messages]
    assert answer is talk.last


def test_a_service_that_goes_on_pausing_is_asked_ten_times_and_no_more():
    server = Server(*(said(*ran(number=n), stop_reason="pause_turn") for n in range(20)))
    talk = chat.threads.get()
    answer = chat.ask("Go", skills="xlsx", thread=talk, client=server.client(), stream=False)
    assert (sending.MOST_SENDS, sending.MOST_SENDS) == (len(server.bodies), len(ledger.shared().rows()))
    assert "%claude continue" in answer.hint
    assert 1 == len(talk)


def test_m8_what_came_before_a_failure_after_a_pause_is_kept_and_can_go_on():
    server = Server(
        said(text("Half."), *ran("file_1"), stop_reason="pause_turn"),
        doors.error(529, "overloaded_error"),
        said(text("Done.")),
    )
    talk = Thread()
    with pytest.raises(OverloadedError) as caught:
        chat.ask("Go", skills="xlsx", thread=talk, client=server.client(), stream=False)
    assert ("Half.", "file_1") == (caught.value.answer, caught.value.answer.files[0].file_id)
    assert ["ok", "error"] == [row.outcome for row in ledger.shared().rows()]
    assert "Done." == chat.go_on(talk, client=server.client(), stream=False)
    assert ["user", "assistant", "assistant"] == [m["role"] for m in talk.messages]


def test_an_interrupt_between_sends_stops_and_keeps_the_first_part(monkeypatch):
    server = Server(said(text("Half."), *ran(), stop_reason="pause_turn"), said(text("Never.")))
    keep = ledger.Ledger._keep

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        return keep(*args)

    monkeypatch.setattr(ledger.Ledger, "_keep", interrupted)
    talk = Thread()
    with pytest.raises(Stopped) as caught:
        chat.ask("Go", skills="xlsx", thread=talk, client=server.client(), stream=False)
    assert ("Half.", 1, 1) == (caught.value.answer, len(server.bodies), len(talk))


def test_texts_with_code_between_them_are_set_apart_in_the_stream_too():
    class Seen:
        told = ""

        def text(self, piece):
            self.told += piece

        def waiting(self, *_):
            raise AssertionError

        thinking = waiting

    seen = Seen()
    answer = chat.ask("Make an Excel file", skills="xlsx", client=Server().client(), watch=seen)
    assert answer == seen.told
    seen.told, server = "", Server(said(text("One."), *ran(), text("Two.")))
    assert "One.\n\nTwo." == chat.ask("Go", client=server.client(), watch=seen, stream=False) == seen.told


# ---- files -------------------------------------------------------------------------------------------------


def test_a_made_file_has_an_id_as_an_uploaded_one_has():
    assert "file_1" == making.MadeFile({"file_id": "file_1"}).id


def test_a_made_file_has_its_name_and_is_fetched_only_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = Server()
    (file,) = chat.ask("Make an Excel file", skills="xlsx", client=server.client()).files
    assert ("practice.xlsx", "practice.xlsx") == (file.filename, file.name)
    assert not any(path.endswith("/content") for path in server.paths)
    fetched = file.download("report.xlsx")
    assert fetched.read_bytes().startswith(b"PK")
    assert ["practice.xlsx", "practice (2).xlsx"] == [file.download().name for _ in range(2)]


def test_a_file_is_fetched_after_pickling_by_the_sessions_client(tmp_path):
    answer = chat.ask("Make an Excel file", skills="xlsx")
    again = pickle.loads(pickle.dumps(answer))
    assert answer.files == again.files
    assert again.files[0].download(tmp_path / "a.xlsx").is_file()


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("../../.bashrc", "bashrc"),
        ("a\\b\\c.csv", "c.csv"),
        ("x;$(rm)\n.pdf", "x__(rm)_.pdf"),
        ("", "file_1"),
        ("Größe 2.xlsx", "Größe 2.xlsx"),
    ],
)
def test_the_name_to_save_a_file_under_is_harmless(filename, name):
    assert name == making.MadeFile({"file_id": "file_1", "filename": filename}).name


def test_files_are_found_in_every_result_of_code_and_odd_ones_are_passed_over():
    odd = [
        {"type": "code_execution_tool_result", "content": {"content": [{"file_id": "file_a"}, 5, {}]}},
        {"type": "text_editor_code_execution_tool_result", "content": {"content": "text"}},
        {"type": "bash_code_execution_tool_result", "content": None},
        {"type": "container_upload", "file_id": "file_b"},
    ]
    answer = chat.ask("Go", client=Server(said(*odd, text("x"))).client(), stream=False)
    assert ["file_a", "file_b"] == [file.file_id for file in answer.files]


def test_a_file_the_service_tells_nothing_of_has_its_id():
    def app(request):
        if request.path == "/v1/messages":
            return said(*ran("file_1"))
        return Response(500, {}, b"")

    http = httpx2.Client(transport=AppTransport(app))
    with Client(
        base_url="http://localhost:1", api_key="practice-key", max_retries=0, http_client=http
    ) as client:
        (file,) = chat.ask("Go", client=client, stream=False).files
    assert ({"type": "made_file", "file_id": "file_1"}, "file_1") == (file, file.name)


def test_an_id_in_the_history_that_is_gone_is_looked_for_again(tmp_path):
    server = Server()
    client = server.client()
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    ask = {"attach": [tmp_path / "data.csv"], "skills": "xlsx", "client": client}
    chat.ask("Sum up", **ask)
    (gone,) = [b["file_id"] for b in server.bodies[0]["messages"][0]["content"] if "file_id" in b]
    client.files.delete(gone)
    with pytest.raises(making.APIError):
        chat.ask("Sum up", **ask)
    assert chat.ask("Sum up", **ask)
    assert uploads.forget() is None

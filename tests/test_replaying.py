"""Is what was recorded beside a notebook played in the place of asking, labelled, free, and without a key?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

import claude_magic
from claude_magic import ledger, settings
from claude_magic.api.client import AsyncClient, Client
from claude_magic.cassette import of
from claude_magic.errors import BudgetError, ConfigError, InputError, ReplayError
from claude_magic.pool import AppTransport
from claude_magic.talk import current, replaying
from claude_magic.talk.thread import threads
from tests.doors import ASK, KEY, Asked, answer, json
from tests.ports import Service, on_a_port
from tests.shells import rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service on a port that is asked with a key."""
    made = Service()
    with on_a_port(made) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield made


def anew() -> None:
    """Go on as a kernel does that was restarted."""
    threads.__init__()  # type: ignore[misc]
    settings.session.clear()
    replaying._tapes.clear()
    replaying._places.clear()


# ---- where the cassette is ---------------------------------------------------------------------------------


def test_the_cassette_lies_beside_the_notebook_that_jupyter_names(folder, monkeypatch):
    (folder / "one").mkdir()
    (folder / "one" / "lesson.ipynb").touch()
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "one" / "lesson.ipynb"))
    assert (folder / "one" / "lesson.replay.jsonl", "beside the notebook") == replaying.place()[1:]
    monkeypatch.setenv("JPY_SESSION_NAME", "one/lesson.ipynb")  # as older servers say it
    assert folder / "lesson.replay.jsonl" == replaying.place().value


def test_a_notebook_that_was_renamed_since_is_told(folder, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "old.ipynb"))
    found = replaying.place()
    assert folder / "old.replay.jsonl" == found.value
    assert "the name it had when its kernel started" in found.source


def test_a_console_has_no_notebook(folder, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/lessons/Console 1")
    assert folder / "claude.replay.jsonl" == replaying.place().value


def test_the_cassette_lies_beside_the_notebook_that_vs_code_names(bare, folder):
    bare.ip.user_ns["__vsc_ipynb_file__"] = str(folder / "deep" / "lesson.ipynb")
    assert folder / "deep" / "lesson.replay.jsonl" == replaying.place().value
    del bare.ip.user_ns["__vsc_ipynb_file__"]


def test_the_cassette_lies_beside_the_notebook_that_nbval_runs(folder, monkeypatch):
    (folder / "lesson.ipynb").touch()
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "notebooks/lesson.ipynb::Cell 0 (setup)")
    assert folder / "lesson.replay.jsonl" == replaying.place().value


def test_without_a_name_it_is_the_one_cassette_there_is(folder):
    (folder / "lesson.replay.jsonl").touch()
    assert folder / "lesson.replay.jsonl" == replaying.place().value


def test_without_a_name_and_with_several_it_is_none_of_them(folder):
    for name in ("one", "two"):
        (folder / f"{name}.replay.jsonl").touch()
    assert folder / "claude.replay.jsonl" == replaying.place().value


def test_a_path_can_be_given_and_a_notebook_stands_for_its_cassette(folder, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/lessons/lesson.ipynb")
    assert folder / "a.jsonl" == replaying.place("a.jsonl").value
    assert folder / "b.replay.jsonl" == replaying.place(folder / "b.ipynb").value
    monkeypatch.setenv("CLAUDE_MAGIC_CASSETTE", "c.jsonl")
    assert (folder / "c.jsonl", "CLAUDE_MAGIC_CASSETTE") == replaying.place()[1:]


def test_the_place_stays_when_the_working_directory_changes(folder, monkeypatch):
    first = replaying.place().value
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")
    assert first == replaying.place().value


# ---- playing -----------------------------------------------------------------------------------------------


def test_m9_a_question_asked_again_after_a_restart_is_not_sent(service, bare, folder):
    for mode in ("auto", "auto", "only"):
        anew()
        bare.run(f"%claude replay {mode}")
        bare.run("%%claude\nName a bird")
        bare.run("%claude and another")
        assert ["Answer 1", "Answer 2"] == [t.answer for t in threads.get("main").turns]
    assert 2 == len(service.requests)


def test_m9_a_value_of_another_address_is_asked_once(service, bare):
    kept = []  # two at the same time have two addresses
    for mode in ("auto", "only"):
        anew()
        bare.run(f"%claude replay {mode}")
        bare.run("class M: pass\nm = M()")
        kept.append(bare["m"])
        assert bare.run("%claude what is {m}").success
        assert bare.run("%claude explain m").success
        bare.run("m.nope()")
        assert bare.run("%claude fix").success
    assert 3 == len(service.requests)


def test_m9_what_is_recorded_with_a_key_is_played_with_none(service, bare, monkeypatch):
    bare.run("%claude replay auto")
    bare.run("%%claude\nName a bird")
    anew()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")  # nobody is there
    for mode in ("only", "auto"):
        anew()
        assert bare.run(f"%claude replay {mode}").success
        assert "Answer 1" in bare.run("%claude Name a bird").seen


def test_without_a_key_what_is_not_recorded_says_how_to_get_it(service, bare, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    bare.run("%claude replay auto")
    missed = bare.error("%claude Name a bird")
    assert isinstance(missed, ReplayError)
    assert "%claude login" in missed.hint
    bare.run("%claude replay refresh")
    assert isinstance(bare.error("%claude Name a bird"), ConfigError)
    assert ([], []) == (service.requests, rows())


def test_admin_calls_are_played_without_an_admin_key(folder, bare, monkeypatch):
    app = Asked(json({"data": [{"id": "user_1", "type": "user"}], "has_more": False}))
    tape = folder / "lesson.replay.jsonl"
    with Client(api_key=KEY, admin_key=KEY, base_url="https://api.example", http_client=http(app)) as client:
        first = claude_magic.replay(client, path=tape).organization.users.list()
    bare.run("%claude replay only lesson.replay.jsonl")
    assert [*first] == [*current.client().organization.users.list()]
    assert 1 == len(app.requests)


def http(app: Any) -> Any:
    return httpx2.Client(transport=AppTransport(app))


def test_m9_a_played_answer_costs_nothing_and_shows_what_it_did_cost(service, bare):
    bare.run("%claude replay auto")
    bare.run("%%claude\nName a bird")
    first = bare["_claude"]
    anew()
    bare.run("%claude replay auto")
    shown = bare.run("%%claude\nName a bird").outputs[0]
    again, cost = bare["_claude"], Decimal("0.0000023")
    assert ("live", "replay") == (first.source, again.source)
    assert cost == first.cost == again.cost
    assert [("live", cost), ("replay", Decimal(0))] == [(r.source, r.cost_usd) for r in rows()]
    assert f"replayed, ${cost} when recorded" in shown.data["text/html"]
    assert ">replay</span>" in shown.data["text/html"]
    assert "replay" == shown.metadata["claude_magic"]["source"]


def test_m9_played_comparisons_and_maps_cost_nothing_and_show_what_they_did_cost(service, bare, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    bare.run("import pandas as pd\ndf = pd.DataFrame({'text': ['a', 'b']})")
    for cell in ("%%claude --compare haiku,opus\nName a bird", "df.claude.map('{text}', resume=False)"):
        for told in ("$", "replayed, $"):
            anew()
            bare.run("%claude replay auto")
            line = bare.run(cell).outputs[0].data["text/plain"].splitlines()[-1]
            (money,) = [fact for fact in line.split(" · ") if "$" in fact]
            assert money.startswith(told) and (told == "$" or money.endswith(" when recorded"))


def test_m7_no_budget_stands_in_the_way_of_what_is_recorded(service, bare):
    bare.run("%claude replay auto")
    bare.run("%%claude\nName a bird")
    for mode in ("auto", "only"):
        anew()
        settings.use("replay", mode)
        settings.use("session_budget", "0")
        settings.use("max_cost", "0")
        bare.run("%%claude --max-cost 0.00\nName a bird")
        assert "Answer 1" == bare["_claude"]
        assert Decimal(0) == ledger.shared().spent(session=current.session_id(), source="replay")
    assert 1 == len(service.requests)


def test_m7_what_is_not_recorded_is_held_to_the_budget(service, bare):
    bare.run("%claude replay auto")
    bare.run("%claude budget 0.0000001")
    assert isinstance(bare.error("%%claude\nName a bird"), BudgetError)
    assert [] == [r.path for r in service.requests if r.path == "/v1/messages"]


def test_a_recorded_refusal_is_a_replay_too(folder, bare, monkeypatch):
    refused = json({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, 400)
    asked = Asked(refused)
    with on_a_port(asked) as url:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        for _ in range(2):
            anew()
            bare.run("%claude replay auto")
            assert "no" in bare.error("%%claude\nName a bird").message
    assert ["live", "replay"] == [r.source for r in rows()]
    assert 1 == len(asked.requests)


def test_o6_a_replay_of_practice_is_labelled_as_both(shell, folder):
    shell.run("%claude replay auto")
    assert ">practice</span>" in shell.run("%%claude\nWhat is an index?").outputs[0].data["text/html"]
    anew()
    settings.use("practice", False)
    shell.run("%claude replay only")
    shown = shell.run("%%claude\nWhat is an index?").outputs[0].data["text/html"]
    assert ">replay of practice</span>" in shown
    assert "replay" == shell["_claude"].source


def test_o6_c4_an_answer_that_was_edited_says_so(service, bare, folder):
    bare.run("%claude replay auto")
    bare.run("%%claude\nName a bird")
    path = folder / "claude.replay.jsonl"
    path.write_text(path.read_text().replace("Answer 1", "An owl"))
    anew()
    bare.run("%claude replay only")
    shown = bare.run("%%claude\nName a bird").outputs[0].data
    assert ("An owl", True) == (shown["text/plain"], ">edited replay</span>" in shown["text/html"])


def test_o6_a_server_cannot_say_that_it_was_a_replay(folder):
    forged = json(answer(), x_claude_magic_replay="2020-01-01T00:00:00Z")
    client = Client(api_key=KEY, base_url="https://api.example", http_client=http(Asked(forged)))
    message = client.messages.create(**ASK)
    assert "live" == current.source_of(client, message)


def test_what_a_command_shows_is_labelled_too(shell, folder):
    shell.run("%claude replay auto")
    assert "replay" not in shell.run("%claude models get haiku").seen
    anew()
    shell.run("%claude replay only")
    assert "replay: answered from claude.replay.jsonl" in shell.run("%claude models get haiku").seen
    assert "(replay)" not in shell.run("%claude version").seen


def test_a_count_says_that_it_is_a_replay(service, bare):
    bare.run("%claude replay auto")
    assert "(replay)" not in bare.run("%claude count hello").seen
    anew()
    bare.run("%claude replay auto")
    assert "(replay)" in bare.run("%claude count hello").seen


def test_the_day_of_a_recording_is_told_from_its_time():
    assert None is replaying.day("")
    assert "2026-11-25" == str(replaying.day("2026-11-25T10:00:00Z; edited"))


def test_a_flag_is_for_one_cell(service, bare, folder):
    bare.run("%%claude --replay auto --no-history\nName a bird")
    bare.run("%%claude --no-history\nName a bird")
    assert "Answer 2" == bare["_claude"]
    bare.run("%%claude --replay only --no-history\nName a bird")
    assert "Answer 1" == bare["_claude"]
    bare.run("%%claude --replay refresh --no-history\nName a bird")
    assert "Answer 3" == bare["_claude"]
    settings.use("replay", "only")
    bare.run("%%claude --replay off --no-history\nName a bird")
    assert "Answer 4" == bare["_claude"]


def test_ask_takes_replay_too(service, folder):
    first = claude_magic.ask("Name a bird", replay="auto")
    again = claude_magic.ask("Name a bird", replay="only")
    assert ("Answer 1", "live", "Answer 1", "replay") == (first, first.source, again, again.source)
    with pytest.raises(ConfigError, match="replay must be one of auto, only, refresh, off"):
        claude_magic.ask("Name a bird", replay="sometimes")


def test_ask_takes_replay_with_a_client_of_ones_own(folder):
    app = Asked(json(answer("one")), json(answer("two")))
    client = Client(api_key=KEY, base_url="https://api.example", http_client=http(app))
    for _ in range(2):
        assert "one" == claude_magic.ask("Name a bird", replay="auto", client=client, stream=False)
    assert "two" == claude_magic.ask("Name a bird", client=client, stream=False)


def test_m9_a_file_is_uploaded_once_and_played_wherever_it_is_run(service, bare, folder, monkeypatch):
    (folder / "big.pdf").write_bytes(b"%PDF-1.7\n" + b"0" * 1_100_000)
    for home in ("here", "there", "there"):
        anew()
        monkeypatch.setenv("CLAUDE_MAGIC_DATA_DIR", str(folder / home))
        bare.run("%claude replay auto")
        assert bare.run("%%claude --attach big.pdf\nSum it up").success
        assert "Answer 2" == bare["_claude"]
        assert not (folder / home / "uploads.json").exists()
    assert ["/v1/files", "/v1/messages"] == [r.path for r in service.requests]


def test_m9_models_that_are_compared_are_asked_once(service, bare):
    for mode in ("auto", "auto", "only"):
        anew()
        assert bare.run(f"%%claude --compare haiku,opus --replay {mode}\nName a bird").success
    asked = [r for r in service.requests if r.path == "/v1/messages"]
    assert 2 == len(asked)
    assert ["live", "live"] + ["replay"] * 4 == [r.source for r in rows()]


def test_o6_a_turn_that_was_asked_in_part_says_so_and_costs_what_was_asked(service, folder):
    def weather() -> str:
        """Say what the weather is."""
        return said

    said = "sunny"
    claude_magic.ask("Is it sunny?", tools=[weather], replay="auto")
    said = "rainy"
    mixed = claude_magic.ask("Is it sunny?", tools=[weather], replay="auto")
    assert ("live", "partly replay") == (mixed.source, replaying.label(mixed))
    assert ["live", "live", "replay", "live"] == [r.source for r in rows()]
    assert rows()[-1].cost_usd == mixed.cost
    assert 3 == len(service.requests)


def test_the_clients_of_a_session_stay_the_same(service, folder):
    first = current.client("auto")
    assert first is current.client("auto") is not current.client("only")
    assert first is current.client("auto")
    assert first is not current.client()


def test_k1_neither_the_file_nor_the_client_holds_the_key(service, bare, folder):
    bare.run("%claude replay auto")
    bare.run("%%claude\nName a bird")
    assert KEY not in (folder / "claude.replay.jsonl").read_text() + repr(vars(current.client()))
    assert "Bearer" not in (folder / "claude.replay.jsonl").read_text()


# ---- people's own clients ----------------------------------------------------------------------------------


def test_a_client_of_ones_own_plays_and_records(folder):
    app = Asked(json(answer("one")), json(answer("two")))
    client = Client(api_key=KEY, base_url="https://api.example", http_client=http(app))
    for mode in ("auto", "auto", "only"):
        taped = claude_magic.replay(client, mode, "x.jsonl")
        assert "one" == taped.messages.create(**ASK).text
    assert "two" == claude_magic.replay(taped, "off").messages.create(**ASK).text
    assert 2 == len(app.requests)


def test_a_client_that_goes_through_a_cassette_already_goes_through_another(folder):
    app = Asked(json(answer("one")), json(answer("two")))
    client = Client(api_key=KEY, base_url="https://api.example", http_client=http(app))
    first, second = (claude_magic.replay(client, path=name) for name in ("1.jsonl", "2.jsonl"))
    first.messages.create(**ASK)
    assert "two" == claude_magic.replay(first, path="2.jsonl").messages.create(**ASK).text
    assert "two" == second.messages.create(**ASK).text


def test_an_asynchronous_client_plays_and_records(service, folder, monkeypatch):
    async def asked(mode: str) -> str:
        message = await claude_magic.replay(AsyncClient(), mode).messages.create(**ASK)
        return str(message.text)

    assert "Answer 1" == asyncio.run(asked("auto")) == asyncio.run(asked("auto"))
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert "Answer 1" == asyncio.run(asked("only"))
    assert 1 == len(service.requests)


def test_an_unknown_mode_names_the_modes(folder):
    with pytest.raises(InputError, match="no replay mode 'sometimes'"):
        claude_magic.replay(Client(api_key=KEY), "sometimes")


def test_what_is_no_client_and_no_path_is_told(folder):
    with pytest.raises(InputError, match="'only' is no client\n→ Type replay"):
        claude_magic.replay("only")
    with pytest.raises(InputError, match="5 is no path of a recording\n→ Give a path"):
        claude_magic.replay(Client(api_key=KEY), "auto", 5)


def test_a_proxy_that_is_set_later_counts(folder, monkeypatch):
    client = claude_magic.replay(Client(api_key=KEY, base_url="http://localhost:9"))
    taped = of(client._caller.http)
    assert taped is not None
    assert "http://localhost:9" == taped.inner.to  # an address: the pool's client is looked up at each send


# ---- misses ------------------------------------------------------------------------------------------------


def test_a_miss_names_the_closest_prompt_and_what_differs(service, bare):
    bare.run("%claude replay auto")
    bare.run("%%claude\nSummarise the sales of March")
    anew()
    bare.run("%claude replay only")
    missed = bare.error("%%claude\nSummarise the sales of April")
    assert (
        "“Summarise the sales of April” is not recorded in claude.replay.jsonl; the closest, line 1 "
        "(“Summarise the sales of March”), differs in the question: "
        "'…marise the sales of March' → '…marise the sales of April'"
    ) == missed.message
    assert "--replay auto" in missed.hint
    assert 1 == len(rows())


def test_a_miss_because_of_other_turns_names_the_line_and_says_to_run_all_cells(service, bare):
    bare.run("%claude replay auto")
    for cell in (
        "%claude Name a bird",
        "%claude and another",
        "%claude --new Name a fish",
        "%claude and another",
    ):
        bare.run(cell)
    bare.run("%claude replay only")
    for said, line in (("and another", 4), ("Name a bird", 1)):
        missed = bare.error(f"%claude {said}")
        assert (
            f"“{said}” is recorded in claude.replay.jsonl after other turns, at line {line}" == missed.message
        )
        assert missed.hint.startswith("The turns before it are others: restart the kernel and run all cells.")
    bare.run("%claude reset")
    bare.run("%claude Name a bird")
    assert "restart" not in bare.error("%claude and a third").hint


def test_a_miss_without_the_notebook_s_name_says_to_name_the_file(bare, folder):
    for name in ("one", "two"):
        (folder / f"{name}.replay.jsonl").touch()
    assert "claude.replay.jsonl" in (said := bare.run("%claude replay only").seen)
    assert "there is no such file, so nothing can be played" in said
    missed = bare.error("%%claude\nName a bird")
    assert "No POST /v1/messages is recorded in claude.replay.jsonl: there is no such file" == missed.message
    assert (
        "The notebook's name is not known; there are one.replay.jsonl, two.replay.jsonl. "
        "Type %claude replay only one.replay.jsonl" == missed.hint
    )
    assert "no such file" not in bare.run("%claude replay only one.replay.jsonl").seen


def test_a_word_without_an_ending_names_a_file_like_the_others(folder):
    assert folder / "lesson.replay.jsonl" == replaying.place("lesson").value
    (folder / "tape").touch()
    assert folder / "tape" == replaying.place("tape").value

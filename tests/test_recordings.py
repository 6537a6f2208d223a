"""Does %claude replay show what is recorded, take it out, and tell what was edited?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from claude_magic import cli, settings
from claude_magic.cassette.tape import Cassette
from claude_magic.errors import ConfigError, InputError
from claude_magic.show import listings
from claude_magic.talk import replaying
from tests.doors import KEY
from tests.ports import Service, on_a_port

NAME = "claude.replay.jsonl"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lesson(shell, folder):
    """A shell in practice mode with two questions recorded."""
    shell.run("%claude replay auto")
    shell.run("%%claude\nName a bird")
    shell.run("%claude and another")
    return shell


def test_alone_it_says_the_mode_and_the_file_and_shows_what_is_recorded(lesson):
    shown = lesson.run("%claude replay")
    where = f"{NAME} (in the working directory; the notebook's name is not known)"
    assert f"Replay is auto (this session): {where}, 2 exchanges recorded" in shown.seen
    frame = shown.result
    assert [1, 2] == [*frame.index]
    assert ["Name a bird", "and another"] == [*frame["prompt"]]
    assert {"claude-haiku-5-5"} == {*frame["model"]}
    assert (frame["cost_usd"] > 0).all() and (frame["output_tokens"] > 0).all()


def test_off_it_says_what_would_be_used(shell, folder):
    shown = shell.run("%claude replay")
    assert f"Replay is off (default); %claude replay auto would use {NAME} " in shown.seen
    assert None is shown.result


def test_it_needs_no_key(bare, folder):
    for line in ("", " auto", " only", " refresh", " off", " check", " forget all --yes"):
        assert bare.run(f"%claude replay{line}").success, line
    assert [] == [*folder.iterdir()]


def test_a_mode_holds_for_the_session_and_off_takes_it_back(lesson, folder):
    assert "auto" == settings.option("replay").value
    lesson.run("%claude replay off")
    assert "off" == settings.option("replay").value
    lesson.run("%claude -- a third question")
    assert 2 == len(Cassette(folder / NAME))


def test_a_lasting_mode_can_be_set_and_the_environment_sets_it_too(shell, folder, monkeypatch):
    shell.run("%claude config replay only")
    assert ("only", "settings file") == settings.option("replay")[1:]
    monkeypatch.setenv("CLAUDE_MAGIC_REPLAY", "auto")
    assert ("auto", "CLAUDE_MAGIC_REPLAY") == settings.option("replay")[1:]
    assert isinstance(shell.error("%claude config replay sometimes"), ConfigError)


def test_a_path_is_used_from_then_on(shell, folder):
    assert "one.replay.jsonl (this session)" in shell.run("%claude replay auto one.replay.jsonl").seen
    shell.run("%%claude\nName a bird")
    shell.run("place = 'two.jsonl'")
    shell.run("%claude replay auto {place}")
    shell.run("%%claude --new\nName a bird")
    assert [1, 1] == [len(Cassette(folder / name)) for name in ("one.replay.jsonl", "two.jsonl")]


def test_a_notebook_that_is_run_again_without_a_restart_hears_the_answers_from_the_first(shell, folder):
    written = []
    for _ in range(2):
        shell.run("%claude replay auto")
        shell.run("%claude files")
        shell.run("%claude files")
        written.append((folder / NAME).read_text())
    assert '"times":2' in written[0]
    assert written[0] == written[1]


def test_a_line_is_taken_out(lesson, folder):
    assert "Forgotten: 1 line of claude.replay.jsonl" in lesson.run("%claude replay forget 1 --yes").seen
    assert ["and another"] == [t.prompt for t in Cassette(folder / NAME).exchanges()]
    assert isinstance(lesson.error("%claude replay forget 9"), InputError)
    assert isinstance(lesson.error("%claude replay forget bird"), InputError)
    assert "Forgotten: 1 line" in lesson.run("%claude replay forget all --yes").seen
    assert "Nothing is recorded" in lesson.run("%claude replay forget all --yes").seen


def test_a_range_of_lines_is_taken_out(lesson, folder):
    lesson.run("%claude and a third")
    assert "Forgotten: 2 lines" in lesson.run("%claude replay forget 2-9 --yes").seen
    assert ["Name a bird"] == [t.prompt for t in Cassette(folder / NAME).exchanges()]
    assert isinstance(lesson.error("%claude replay forget 5-9"), InputError)


def test_the_results_of_tools_are_told_by_the_tool(lesson):
    lesson.run("def weather(city: str) -> str:\n    return 'sunny'")
    lesson.run("%%claude --new --tool weather\nHow is the weather in Paris?")
    told = lesson.run("%claude replay").result["prompt"]
    assert ["How is the weather in Paris?", "results of weather"] == [*told][2:]


def test_before_lines_are_gone_it_asks_and_names_them(lesson, folder, monkeypatch):
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or "n")
    assert "Nothing was done" in lesson.run("%claude replay forget 2").seen
    assert "Nothing was done" in lesson.run("%claude replay forget all").seen
    assert [
        "Forget “and another” (2)? [y/N] ",
        "Forget 2 lines of claude.replay.jsonl (all)? [y/N] ",
    ] == asked
    assert 2 == len(Cassette(folder / NAME))


def test_tab_completes_the_lines(lesson):
    lesson.run("%claude replay")
    assert {"1", "2", "all"} == {*listings.seen["LINE"]}


def test_c4_check_tells_the_lines_that_were_edited(lesson, folder):
    assert f"{NAME}: 2 lines as recorded" in lesson.run("%claude replay check").seen
    path = folder / NAME
    path.write_text(path.read_text().replace("Name a bird", "Name a fish", 1))
    frame = lesson.run("%claude replay check").result
    assert [(1, "it was changed")] == [*frame["why"].items()]
    assert "1 line not as recorded: %claude replay check" in lesson.run("%claude replay").seen


def test_c4_with_a_teachers_secret_a_line_of_anothers_is_told(shell, folder, monkeypatch):
    shell.run("%claude replay auto")
    shell.run("%%claude\nName a bird")
    replaying._tapes.clear()
    monkeypatch.setenv("CLAUDE_MAGIC_REPLAY_SECRET", "the teacher's own")
    shell.run("%claude -- and another")
    assert [(1, "it is not sealed with the secret")] == [
        *shell.run("%claude replay check").result["why"].items()
    ]
    assert "the teacher's own" not in (folder / NAME).read_text()


def test_c4_a_terminal_can_check_a_file_with_neither_key_nor_network(lesson, folder, capsys):
    path = folder / NAME
    assert 0 == cli.main(["replay", "check", str(path)])
    assert f"{NAME}: 2 recorded, none edited\n" == capsys.readouterr().out
    lines = path.read_text().splitlines()
    edited = {**json.loads(lines[1]), "recorded": "2020-01-01T00:00:00Z"}
    path.write_text("\n".join([lines[0], json.dumps(edited), ""]))
    assert 1 == cli.main(["replay", "check", str(path)])
    assert f"{NAME}, line 2: it was changed\n" == capsys.readouterr().out
    assert 0 == cli.main(["replay", "list", str(path)])
    assert "Name a bird" in capsys.readouterr().out
    assert 1 == cli.main(["replay", "check", "lesson.ipynb"])
    assert "There is no file" in capsys.readouterr().err


def test_help_and_questions(shell, folder):
    assert "replay forget LINE…" in shell.run("%claude help replay").seen
    assert "%claude -- replay the tape" in shell.error("%claude replay the tape").hint


@pytest.fixture
def service(folder: Path) -> Iterator[tuple[Service, str]]:
    made = Service()
    with on_a_port(made) as url:
        yield made, url


def test_what_is_taken_out_is_asked_again_and_the_rest_keeps_its_bytes(bare, folder, service, monkeypatch):
    app, url = service
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    bare.run("%claude replay auto")
    for text in ("one", "two", "three"):
        bare.run(f"%%claude --no-history\n{text}")
    before = (folder / NAME).read_bytes().splitlines()
    bare.run("%claude replay forget 2 --yes")
    assert [before[0], before[2]] == (folder / NAME).read_bytes().splitlines()
    for text in ("one", "two", "three"):
        bare.run(f"%%claude --no-history\n{text}")
    assert 4 == len(app.requests)
    assert [] == Cassette(folder / NAME).verify()


def test_a_file_that_cannot_be_written_is_told(lesson, folder, monkeypatch):
    (folder / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        Cassette(folder / "file" / "x").forget()

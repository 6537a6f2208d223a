"""Does `claude-magic` do in a terminal what it says?"""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import claude_magic
from claude_magic import cli, quickstart
from tests.conftest import REPOSITORY

KEY = "sk-" + "ant-api03-" + "x" * 60


def run(*command: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "claude_magic.cli", *command]
    return subprocess.run(program, input=stdin, capture_output=True, text=True, cwd=cwd, timeout=300)


def test_version_prints_the_one_version(capsys):
    assert 0 == cli.main(["version"])
    assert f"{claude_magic.__version__}\n" == capsys.readouterr().out


def test_no_command_prints_the_help(capsys):
    assert 0 == cli.main([])
    assert "quickstart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "meant"), [(["practise"], "practice"), (["replay", "chck", "x.replay.jsonl"], "check")]
)
def test_a_mistyped_word_names_the_one_that_is_meant(typed, meant, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(typed)
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_a_port_that_is_taken_is_refused_before_anything_is_said_of_the_server(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert 1 == cli.main(["practice", "--port", str(taken.getsockname()[1])])
    told = capsys.readouterr()
    assert ("", True) == (told.out, "is in use" in told.err)


def test_an_unknown_command_says_which_there_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["quckstart"])
    assert "quickstart" in capsys.readouterr().err


def test_version_is_an_option_too(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert f"{claude_magic.__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("practice", ["(default: 8484)", "(default: 127.0.0.1"]),
        ("usage", ["model, day, notebook, thread, session, source or outcome"]),
        ("config", ["say what is on", "off (in every place"]),
    ],
)
def test_the_help_of_a_command_says_what_its_options_take(command, said, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    printed = capsys.readouterr().out
    assert [] == [words for words in said if words not in printed]


def test_a_hint_says_what_to_type_in_a_terminal():
    done = run("login", stdin="\n")
    assert 1 == done.returncode
    assert "is empty\n" in done.stderr
    assert "claude-magic login" in done.stderr and "%claude" not in done.stderr


def test_logout_without_a_key_says_so(capsys):
    assert 0 == cli.main(["logout"])
    assert "No key was kept." in capsys.readouterr().out


def test_disable_without_a_place_turns_off_every_place(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    for place in cli.PLACES:
        assert 0 == cli.main(["config", "--enable", f"--{place}"])
    assert 0 == cli.main(["config", "--disable", "--user"])
    assert "claude-magic config --disable --sys-prefix" in capsys.readouterr().out
    assert cli.startup_file("sys-prefix").exists()
    assert 0 == cli.main(["config", "--enable"])
    assert 0 == cli.main(["config", "--disable"])
    assert not any(cli.startup_file(place).exists() for place in cli.PLACES)
    printed = capsys.readouterr().out
    assert ("user        off", "sys-prefix  off") == tuple(
        re.findall(r"^[a-z-]+ +off", printed, re.MULTILINE)
    )
    assert "Off from the next kernel start." in printed


def test_disable_says_what_is_still_on_and_how_to_turn_it_off(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    stuck = cli.startup_file("sys-prefix")
    (stuck / "a folder").mkdir(parents=True)
    assert 1 == cli.main(["config", "--disable"])
    printed, said = capsys.readouterr()
    assert f"Still on: {stuck}" in said and "config --disable --sys-prefix" in said
    assert re.search(r"sys-prefix +on ", printed) and "Off from" not in printed


def test_an_error_is_two_lines_on_stderr_and_exit_code_1(capsys):
    assert 1 == cli.main(["usage", "--by", "planet"])
    printed, said = capsys.readouterr()
    assert ("", 2) == (printed, len(said.splitlines()))
    assert said.startswith("InputError: ") and "planet" in said


def test_the_start_up_file_is_listed_written_and_removed(isolation, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))  # the environment that runs this keeps its own
    place = isolation / "ipython" / "profile_default" / "startup" / cli.STARTUP
    assert 0 == cli.main(["config"])
    assert re.search(rf"user +off +{re.escape(str(place))}", capsys.readouterr().out)
    assert 0 == cli.main(["config", "--enable", "--user"])
    assert (REPOSITORY / "jupyter-config" / "startup" / cli.STARTUP).read_bytes() == place.read_bytes()
    assert 0 == cli.main(["config", "--list"])
    assert re.search(r"user +on ", capsys.readouterr().out)
    assert 0 == cli.main(["config", "--disable"])
    assert not place.exists()
    assert 0 == cli.main(["config", "--disable"])


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("where a folder should be")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "file"))
    assert 1 == cli.main(["config", "--enable", "--sys-prefix"])
    said = capsys.readouterr().err.splitlines()
    assert 2 == len(said) and str(tmp_path) in said[0] and "--user" in said[1]


def test_list_says_when_the_environment_turns_it_off(monkeypatch, capsys):
    monkeypatch.setenv("CLAUDE_MAGIC_AUTOLOAD", "0")
    cli.main(["config"])
    assert "CLAUDE_MAGIC_AUTOLOAD=0 turns both off" in capsys.readouterr().out


def test_k5_login_keeps_a_key_in_a_private_file_without_showing_it_and_logout_forgets_it(isolation):
    done = run("login", stdin=KEY + "\n")
    assert (0, "") == (done.returncode, done.stderr)
    assert KEY not in done.stdout
    file = isolation / "config" / "key"
    assert KEY == file.read_text().strip()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert 0 == run("logout").returncode
    assert not file.exists()


def test_usage_prints_the_frame_of_what_was_used(capsys):
    assert 0 == cli.main(["usage"])
    assert "cost" in capsys.readouterr().out


def test_models_prints_every_model(monkeypatch, capsys):
    from claude_magic.protocol import catalog

    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE", "1")
    assert 0 == cli.main(["models"])
    printed = capsys.readouterr().out
    assert [] == [m.id for m in catalog.all_models() if m.id not in printed]


def test_practice_serves_the_api_on_a_port_until_interrupted():
    command = [sys.executable, "-u", "-m", "claude_magic.cli", "practice", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())[0]
            headers = {"authorization": "Bearer practice", "anthropic-version": "2026-10-21"}
            asked = urllib.request.Request(f"{url}/v1/models", headers=headers)
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
                assert b"claude-" in answer.read()
        finally:
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=60)
    assert (130, "") == (server.returncode, said) or (0, "") == (server.returncode, said)


def test_a_port_in_use_is_one_clear_error():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("practice", "--port", str(taken.getsockname()[1]))
    assert 1 == done.returncode
    assert 2 == len(done.stderr.splitlines()) and "--port" in done.stderr


@pytest.mark.parametrize(
    ("environment", "tty", "expected"),
    [
        ({"DISPLAY": ":0"}, True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ({"DISPLAY": ":0"}, False, False),
        ({}, True, sys.platform in {"darwin", "win32"}),
    ],
    ids=["x", "wayland", "piped", "no display"],
)
def test_a_display_is_one_with_someone_watching(environment, tty, expected, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    assert expected is quickstart.has_display()


def test_the_notebook_is_copied_with_its_data_and_nothing_is_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penguins.csv").write_text("mine")
    notebook = quickstart.copied(tmp_path)
    assert (REPOSITORY / "notebooks" / notebook.name).read_bytes() == notebook.read_bytes()
    assert "mine" == (tmp_path / "data" / "penguins.csv").read_text()
    notebook.write_text("edited")
    assert "edited" == quickstart.copied(tmp_path).read_text()


def test_the_quickstart_without_a_display_answers_and_shows_what_was_used(isolation, tmp_path):
    done = run("quickstart", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Practice mode:")
    assert "%%claude" in done.stdout and "input_tokens" in done.stdout
    assert "practice" in done.stdout.split("%%claude", 1)[1]
    assert [] == list(tmp_path.iterdir())


def test_a_failing_cell_ends_the_quickstart_with_exit_code_1(tmp_path):
    notebook = tmp_path / "broken.ipynb"
    notebook.write_text('{"cells": [{"cell_type": "code", "source": ["1/0"]}]}')
    code = f"""
from pathlib import Path
from claude_magic import quickstart
raise SystemExit(quickstart.in_terminal(Path({str(notebook)!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 1 == done.returncode
    assert "ZeroDivisionError" in done.stdout + done.stderr

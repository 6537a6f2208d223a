"""Does an exported conversation run, say all that was said, and hold no key?"""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic import Thread, exporting, settings
from claude_magic.app import Request
from claude_magic.errors import InputError
from claude_magic.exporting import program
from claude_magic.grammar import flags
from claude_magic.pool import AppTransport
from claude_magic.talk import chat
from claude_magic.talk.thread import Turn, threads
from claude_magic.tools.functions import tool
from tests.shells import KEY

IMAGE = base64.b64encode(bytes(range(256)) * 8).decode()
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def turn(question: Any, answer: Any) -> Turn:
    said = [[text(c)] if isinstance(c, str) else c for c in (question, answer)]
    messages = ({"role": r, "content": c} for r, c in zip(("user", "assistant"), said, strict=True))
    return Turn(tuple(messages), "end_turn", "claude-haiku-5-5")


def talk(*turns: Turn, system: str | None = None) -> Thread:
    thread = threads.get("rome")
    thread.turns += turns
    thread.system = system
    return thread


@pytest.fixture
def rome() -> Thread:
    """A conversation with two lines in a question, braces and quotes."""
    first = turn('When was "Rome" built?\n  Say {year}.', "In **753** BC.\nThey say.")
    return talk(first, turn("And by whom?", "Romulus."), system="Be brief.")


def ran(source: str, client: Any = None) -> str:
    """Run a program and return what it prints."""
    if client is not None:
        source = re.sub(r"^from claude_magic import Client.*$", "", source, flags=re.MULTILINE)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "talk.py", "exec"), {"Client": client})
    return out.getvalue()


def test_the_forms_are_those_that_the_command_takes():
    assert [*exporting.FORMS] == list(flags.EXPORTS)


def test_a_program_asks_the_last_question_again_with_our_client(rome):
    settings.use("practice", True)
    assert "[practice] " in ran(rome.export())
    assert "[practice] " in ran(rome.export("python"))


def test_a_program_asks_the_last_question_again_with_the_official_sdk(rome, app):
    asked = []

    def seen(request: Request) -> Any:
        asked.append(json.loads(request.body))
        return app(request)

    http = httpx2.Client(transport=AppTransport(seen))
    with http:
        sdk = functools.partial(
            anthropic.Anthropic, api_key="practice", base_url="https://api.example", http_client=http
        )
        assert "[practice] " in ran(rome.export(), sdk)
    (body,) = asked
    assert ("claude-haiku-5-5", "Be brief.") == (body["model"], body["system"])
    plain = [{**m, "content": m["content"][0]["text"]} for m in rome.messages[:-1]]
    assert plain == body["messages"]


def test_a_program_reads_as_python_with_a_line_for_each_line_and_the_answer_at_its_end(rome):
    source = rome.export()
    assert source.startswith('"""The conversation rome: asks its last question again.')
    assert '            "When was \\"Rome\\" built?\\n"\n            "  Say {year}."\n' in source
    assert source.endswith("# What was answered in the notebook:\n# Romulus.\n")
    assert 100 >= max(len(line) for line in source.splitlines() if not line.startswith("#"))


def test_nothing_that_was_said_or_named_can_become_code():
    ugly = "a\rimport os\x0b\"\"\"\u2028print(1)\n'''\\"
    thread = Thread('x"""\nprint(2)\n"""')
    thread.turns.append(turn(ugly, ugly))
    source = thread.export()
    settings.use("practice", True)
    printed = ran(source)
    assert "[practice] " in printed and "\n2\n" not in printed
    assert source.startswith('"""A conversation:')


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
        max_leaves=9,
    )
)
def test_json_as_python_is_the_same_value(value):
    assert value == eval(program.literal(value))


def test_a_notebook_has_a_cell_for_each_question_with_its_answer(rome):
    made = nbformat.reads(rome.export("notebook"), as_version=4)
    nbformat.validate(made)
    _, load, system, first, second = made.cells
    assert "%load_ext claude_magic" == load.source
    assert "%config ClaudeMagics.system = 'Be brief.'" == system.source
    assert '%%claude claude-haiku-5-5 --raw\nWhen was "Rome" built?\n  Say {year}.' == first.source
    assert "%%claude claude-haiku-5-5\nAnd by whom?" == second.source
    assert ["In **753** BC.\nThey say.", "Romulus."] == [
        c.outputs[0].data["text/plain"] for c in (first, second)
    ]
    assert [["text/plain"]] * 2 == [[*c.outputs[0].data] for c in (first, second)]


def test_the_cells_of_a_notebook_run_and_send_the_same_conversation(rome, shell):
    rome.turns.insert(0, turn("{braces} and 'quotes'", "Yes."))
    made = json.loads(rome.export("notebook"))
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            result = shell.run(cell["source"])
            assert result.success, result.seen
    assert [t.question for t in rome.turns] == [t.question for t in threads.get("main").turns]


def test_curl_sends_the_body_and_takes_the_key_from_the_environment(rome):
    command = rome.export("curl")
    run = subprocess.run(
        ["sh", "-c", f"curl() {{ printf '%s\\n' \"$@\" >&2; cat; }}\n{command}"],
        capture_output=True,
        text=True,
        env={"ANTHROPIC_API_KEY": "from-the-environment", "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert {"model": "claude-haiku-5-5", "system": "Be brief."}.items() <= json.loads(run.stdout).items()
    assert rome.messages[:-1] == json.loads(run.stdout)["messages"]
    assert "authorization: Bearer from-the-environment" in run.stderr
    assert "from-the-environment" not in command
    assert "https://api.anthropic.com/v1/messages\n" in run.stderr


def test_lines_of_json_are_the_messages(rome):
    lines = [json.loads(line) for line in rome.export("jsonl").splitlines()]
    assert [{"role": "system", "content": "Be brief."}, *rome.messages] == lines


@pytest.mark.parametrize("form", exporting.FORMS)
def test_k1_no_export_holds_a_key_or_a_secret_of_the_environment(rome, form, monkeypatch, tmp_path):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("DB_PASSWORD", "correct-horse-battery")
    rome.turns.append(turn(f"my key is {KEY}", f"{KEY}, and correct-horse-battery"))
    rome.system = f"Say {KEY}"
    server = {"type": "url", "name": "m", "url": "https://m.org?key=plainword"}
    body = {"model": "claude-haiku-5-5", "max_tokens": 9, "system": rome.system, "mcp_servers": [server]}
    rome.turns[-1] = rome.turns[-1]._replace(body=body)
    (path, *_) = exporting.write(rome, tmp_path / f"talk{exporting.FORMS[form].suffix}")
    for found in (rome.export(form), path.read_text()):
        assert KEY not in found and KEY[12:40] not in found and "correct-horse" not in found
        assert "plainword" not in found and "removed" in found


@pytest.mark.parametrize("form", ["python", "curl", "jsonl", "notebook"])
def test_long_data_is_a_note_in_a_text(form):
    thread = talk(turn([PICTURE, text("What is it?")], "A square."))
    found = thread.export(form)
    assert IMAGE[:100] not in found and len(found) < 3000
    assert "image-1.png" in found or "(image/png, 2,048 bytes, left out)" in found


def test_a_program_s_data_lies_beside_it_and_is_read_from_there(tmp_path):
    settings.use("practice", True)
    thread = talk(turn([PICTURE, text("What is it?")], "A square."), turn("And?", "That is all."))
    path, image = exporting.write(thread, tmp_path / "my talk.py")
    assert image == tmp_path / "my talk_files" / "image-1.png"
    assert base64.b64decode(IMAGE) == image.read_bytes()
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(path.read_text().split("answer =")[0], str(path), "exec"), names)
    assert [PICTURE, text("What is it?")] == names["messages"][0]["content"]


def test_a_notebook_s_data_lies_beside_it_and_is_attached(tmp_path):
    thread = talk(turn([PICTURE, text("What is it?")], "A square."))
    path, image = exporting.write(thread, tmp_path / "talk.ipynb")
    assert (
        "%%claude claude-haiku-5-5 --attach talk_files/image-1.png\nWhat is it?"
        == (json.loads(path.read_text())["cells"][-1]["source"])
    )
    assert image.exists()


def test_curl_s_data_lies_beside_it(tmp_path):
    thread = talk(turn([PICTURE, text("What is it?")], "A square."))
    path, body = exporting.write(thread, tmp_path / "my talk.sh")
    assert "--data @'my talk.json'" in path.read_text()
    assert PICTURE == json.loads(body.read_text())["messages"][0]["content"][0]


def test_lines_of_json_in_a_file_lack_nothing(tmp_path):
    thread = talk(turn([PICTURE, text("What is it?")], "A square."))
    (path,) = exporting.write(thread, tmp_path / "talk.jsonl")
    assert thread.messages == [json.loads(line) for line in path.read_text().splitlines()]


def test_one_picture_sent_twice_is_one_file():
    thread = talk(turn([PICTURE], "A."), turn([PICTURE, text("Same?")], "Yes."))
    assert 2 == thread.export().count('read("image-1.png")')


def test_tools_go_along_as_their_definitions():
    @tool
    def weather(city: str) -> str:
        """Return the weather of a city."""
        return f"sun in {city}"

    settings.use("practice", True)
    thread = threads.get("rome")
    chat.ask("practice:tool weather\nWhat is the weather in Rome?", thread=thread, tools=[weather])
    lines = thread.export("curl")
    (named,) = json.loads(lines.split("<<'JSON'\n")[1].rsplit("\nJSON", 1)[0])["tools"]
    assert "weather" == named["name"]
    assert "Define `weather` in a cell" in thread.export("notebook")
    assert ran(thread.export())


def asked_for(thread: Thread) -> dict[str, Any]:
    """Return the body that a curl command of the conversation sends."""
    lines = thread.export("curl").split("<<'JSON'\n")[1].rsplit("\nJSON", 1)[0]
    return dict[str, Any](json.loads(lines))


def first_lines(thread: Thread) -> list[str]:
    """Return the first line of each question's cell in a notebook of the conversation."""
    cells = json.loads(thread.export("notebook"))["cells"]
    return [c["source"].split("\n")[0] for c in cells if c["source"].startswith("%%claude")]


def test_a_program_asks_with_what_the_question_was_asked_with():
    settings.use("practice", True)
    thread = threads.get("rome")
    given: dict[str, Any] = {"system": "Be brief.", "effort": "low", "max_tokens": 300, "returns": int}
    chat.ask("How many hills?", thread=thread, model="opus", params={"stop_sequences": ["END"]}, **given)
    settings.use("system", "Another.")
    body = asked_for(thread)
    assert ("Be brief.", 300, ["END"]) == (body["system"], body["max_tokens"], body["stop_sequences"])
    assert "low" == body["output_config"]["effort"]
    assert {"value"} == set(body["output_config"]["format"]["schema"]["properties"])
    for part in ('system="Be brief."', "max_tokens=300", '"effort": "low"', "stop_sequences="):
        assert part in thread.export("python")
    assert ran(thread.export())


def test_a_notebook_s_cells_have_the_options_of_their_turns(shell):
    shell.run("class Hill:\n    name: str")
    shell.run("import dataclasses; Hill = dataclasses.dataclass(Hill)")
    typed = [
        "-m opus -n 300 --effort low -p 'stop_sequences=[\"END\"]'",
        "--schema list[Hill]",
        "--choices yes,no",
        "-m haiku --no-think",
        "--schema '{\"name\": str}'",
    ]
    for line in typed:
        assert shell.run(f"%%claude -t rome {line}\nHow many?").success
    first, second, third, fourth, fifth = first_lines(threads.get("rome"))
    assert {"-n", "300", "--effort", "low"} <= set(first.split())
    assert first.endswith("-p 'stop_sequences=[\"END\"]'")
    assert second.endswith("--schema 'list[Hill]'") and third.endswith("--choices yes,no")
    assert fourth.endswith("--no-think") and "stop_sequences" not in second
    assert '"properties": {"name"' in fifth
    assert "Define `Hill` in a cell" in threads.get("rome").export("notebook")
    for line in (first, second, third, fourth, fifth):
        assert shell.run(f"{line}\nHow many?").success


def test_a_notebook_changes_the_system_prompt_where_the_conversation_did():
    settings.use("practice", True)
    for system in ("Be brief.", "Be brief.", "Be long.", ""):
        chat.ask("Why?", thread="rome", system=system)
    cells = json.loads(threads.get("rome").export("notebook"))["cells"]
    said = [c["source"] for c in cells if c["source"].startswith("%config")]
    assert [f"%config ClaudeMagics.system = {one!r}" for one in ("Be brief.", "Be long.", "")] == said


def test_a_text_that_is_cited_lies_beside_a_notebook(tmp_path):
    settings.use("practice", True)
    (tmp_path / "a.txt").write_text("Seven hills.")
    chat.ask("How many?", thread="rome", attach=[tmp_path / "a.txt"], citations=True)
    path, document = exporting.write(threads.get("rome"), tmp_path / "talk.ipynb")
    assert "Seven hills." == document.read_text()
    assert (
        "--attach talk_files/document-1.txt --citations\nHow many?"
        in json.loads(path.read_text())["cells"][-1]["source"]
    )


def test_a_notebook_says_what_no_option_can():
    settings.use("practice", True)
    thread = talk(turn("Why?", "So."))
    thread.turns[-1] = thread.turns[-1]._replace(body={"mcp_servers": [{"name": "maps"}]})
    assert "Left out: the MCP server maps." in thread.export("notebook")


def test_an_empty_conversation_says_that_there_is_nothing():
    with pytest.raises(InputError, match="nothing said in the conversation rome"):
        threads.get("rome").export()


def test_an_unknown_form_or_path_says_what_there_is(rome, tmp_path):
    with pytest.raises(InputError) as caught:
        rome.export("pythn")
    assert "Did you mean python?" == caught.value.hint
    with pytest.raises(InputError) as caught:
        exporting.write(rome, tmp_path / "talk.docx")
    assert ".ipynb (notebook)" in caught.value.hint


def test_a_file_that_cannot_be_written_is_named(rome, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        exporting.write(rome, tmp_path / "nowhere" / "talk.py")
    assert [] == list(tmp_path.iterdir())


def test_a_file_is_written_over_whole_or_not_at_all(rome, tmp_path, monkeypatch):
    path = tmp_path / "talk.py"
    exporting.write(rome, path)
    before = path.read_text()
    rome.turns.append(turn("Why?", "So."))
    monkeypatch.setattr(Path, "replace", _broken)
    with pytest.raises(InputError):
        exporting.write(rome, path)
    assert (before, [path]) == (path.read_text(), list(tmp_path.iterdir()))


def _broken(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("suffix", [form.suffix for form in exporting.FORMS.values()])
def test_s7_half_a_character_is_exported_as_a_whole_one(suffix, tmp_path):
    (path,) = exporting.write(talk(turn("half \ud83d of a smile", "Hello")), tmp_path / f"talk{suffix}")
    assert "half \ufffd of a smile" in path.read_text("utf-8")

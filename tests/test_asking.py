"""Does a cell that says %%claude do what its flags say?"""

from __future__ import annotations

import json
from decimal import Decimal

import pandas as pd

from claude_magic import wire
from claude_magic.show import made, showing
from claude_magic.talk import chat, making
from claude_magic.talk.answer import Answer
from tests.shells import KEY, rows

CATS = "Cats sleep all day.\nDogs bark at night."


def test_a_cell_shows_its_answer_once_with_a_readout(shell):
    result = shell.run(f"%%claude\nSummarise: {CATS}")
    assert 1 == len(result.outputs)
    html = result.outputs[0].data["text/html"]
    assert str(shell["_claude"]) == result.outputs[0].data["text/plain"]
    assert all(
        part in html for part in (" in · ", " out · ", "$0.0", "claude-haiku-5-5", "turn 1", "practice")
    )
    assert result.success
    assert result.result is None


def test_a_line_returns_an_answer_and_shows_it_once(shell):
    result = shell.run("%claude what is an index?")
    assert 1 == len(result.outputs)
    assert isinstance(result.result, Answer)
    assert "what is an index?" in result.result


def test_a_line_can_be_assigned_and_shown_again_later(shell):
    first = shell.run("x = %claude what is an index?")
    again = shell.run("x")
    assert 1 == len(first.outputs)
    assert repr(str(shell["x"]))[1:-1] in again.stdout


def test_a_hostile_answer_shown_again_later_is_safe(shell):
    shell.run("x = %claude practice:echo <script>alert(1)</script>")
    assert "<script" in str(shell["x"])
    shell.run("0")
    bundle, _ = shell.ip.display_formatter.format(shell["x"])
    assert {"text/plain", "text/html"} == set(bundle)
    assert "<script" not in bundle["text/html"]


def test_out_binds_the_answer_and_the_last_one_is_in_claude(shell):
    shell.run(f"%%claude notes <<\n{CATS} What do cats do?")
    assert isinstance(shell["notes"], Answer)
    assert shell["notes"] is shell["_claude"]


def test_metadata_has_figures_but_neither_prompt_nor_key(shell, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    kept = shell.run("%%claude\nWhat does the walrus say?").outputs[0].metadata["claude_magic"]
    assert {
        "model",
        "usage",
        "cost",
        "request_id",
        "source",
        "turn",
        "thread",
        "stop_reason",
        "seconds",
    } == set(kept)
    assert "practice" == kept["source"]
    assert Decimal(kept["cost"]) == shell["_claude"].cost
    assert "walrus" not in json.dumps(kept)
    assert KEY not in json.dumps(kept)


def test_values_of_the_notebook_go_into_the_prompt(shell):
    shell.run("animal = 'aardvark'")
    shell.run("%%claude\npractice:echo one {animal} and {Out[9]}")
    assert "aardvark" in shell["_claude"]


def test_o3_what_of_the_notebook_was_sent_stands_under_the_answer(shell):
    shell.run("import pandas as pd; df = pd.DataFrame({'a': [1, 2]})")
    assert "with df (DataFrame 2×1) · " in shell.run("%%claude\nDescribe {df}").outputs[0].data["text/html"]


def test_what_ipython_put_into_the_namespace_is_not_sent(shell):
    shown = shell.run("%%claude\npractice:echo {get_ipython} {exit}")
    assert "{get_ipython} {exit}" in shell["_claude"]
    assert "Sent as written" in shown.outputs[0].data["text/plain"]


def test_outputs_of_earlier_cells_go_into_the_prompt(shell):
    shell.run("6 * 7")
    number = max(shell["Out"])
    shell.run(f"%%claude\npractice:echo the number {{Out[{number}]}}")
    assert "the number 42" in shell["_claude"]


def test_in_sends_a_variable_after_the_prompt(shell):
    shell.run("text = 'penguins swim'")
    shell.run("%%claude -i text\npractice:echo what is this about?")
    assert "penguins swim" in shell["_claude"]


def test_in_with_an_unknown_name_sends_nothing(shell):
    assert "nothing_here" in shell.error("%%claude -i nothing_here\nhello").message
    assert [] == rows()


def test_a_prompt_in_raw_mode_keeps_its_braces(shell):
    shell.run("x = 5")
    shell.run("%%claude --raw\npractice:echo {x}")
    assert "{x}" in shell["_claude"]


def test_a_dataframe_answer_is_bound_and_shown_as_a_frame(shell):
    result = shell.run("%%claude -f df -o frame\npractice:echo\n```csv\nname,age\nAda,36\nAlan,41\n```")
    assert isinstance(shell["frame"], pd.DataFrame)
    assert isinstance(shell["_claude"], Answer)
    assert any("<table" in o.data.get("text/html", "") for o in result.outputs)


def test_a_json_answer_is_bound_as_its_value(shell):
    shell.run('%%claude -f json -o value\npractice:echo\n```json\n{"a": [1, 2]}\n```')
    assert {"a": [1, 2]} == shell["value"]


def test_an_answer_that_is_not_json_is_kept_and_the_cell_fails(shell):
    error = shell.error("%%claude -f json -o value\npractice:echo Tell me a story")
    assert "JSON" in error.message
    assert "value" not in shell
    assert isinstance(shell["_claude"], Answer)


def test_code_goes_into_the_next_cell_and_is_never_run(shell):
    shell.run("%%claude -f code\npractice:echo ```python\nmade = 1\n```")
    assert [("made = 1", False)] == shell.inserted
    assert "made" not in shell


def test_quiet_shows_nothing_and_binds(shell):
    result = shell.run("%%claude -q -o x\nhello")
    assert ([], "") == (result.outputs, result.stdout)
    assert isinstance(shell["x"], Answer)


def test_a_quiet_line_shows_nothing(shell):
    assert [] == shell.run("%claude -q hello").outputs


def test_no_stream_gives_the_same_answer(shell):
    shell.run(f"%%claude --no-history\n{CATS} What do cats do?")
    streamed = str(shell["_claude"])
    shell.run(f"%%claude --no-history --no-stream\n{CATS} What do cats do?")
    assert streamed == str(shell["_claude"])


def test_a_dry_run_shows_the_cost_and_sends_nothing(shell):
    shell.run("animal = 'aardvark'")
    result = shell.run("%%claude --dry-run\nDescribe {animal}")
    assert repr(result.result).endswith("Nothing was asked.")
    assert (result.result["low"] < result.result["high"]).all()
    assert "Describe" in json.dumps(result.result.attrs)
    assert "animal" in result.seen
    assert [] == rows()
    assert "_claude" not in shell


def test_effort_thinking_system_and_tokens_reach_the_request(shell):
    result = shell.run(
        "%%claude opus --dry-run --effort low -s 'Be brief' -n 1k -p metadata.user_id=anna\nhello"
    )
    body = result.result.attrs["body"]
    assert "claude-opus-5-5" == body["model"]
    assert {"effort": "low"} == body["output_config"]
    assert ("Be brief", 1000, {"user_id": "anna"}) == (body["system"], body["max_tokens"], body["metadata"])


def test_an_attachment_is_sent_with_the_prompt(shell, tmp_path):
    (tmp_path / "notes.txt").write_text("Walruses have tusks.")
    shell.run(f"%%claude --attach {tmp_path}/notes.txt\npractice:echo what is in it?")
    assert "user" == chat.threads.get().messages[0]["role"]
    assert "Walruses have tusks." in json.dumps(chat.threads.get().messages[0])


def test_a_conversation_goes_on_unless_told_otherwise(shell):
    shell.run("%%claude\nfirst")
    shell.run("%%claude\nsecond")
    shell.run("%%claude --no-history\naside")
    assert ["first", "second"] == [t.question for t in chat.threads.get().turns]
    shell.run("%%claude --new\nthird")
    assert ["third"] == [t.question for t in chat.threads.get().turns]


def test_new_keeps_the_old_conversation_when_the_call_fails(shell):
    shell.run("%%claude\nfirst")
    shell.error("%%claude --new\npractice:400")
    assert ["first"] == [t.question for t in chat.threads.get().turns]


def test_named_conversations_are_apart(shell):
    shell.run("%%claude -t rome\nWho was Caesar?")
    assert 0 == len(chat.threads.get())
    assert 1 == len(chat.threads.get("rome"))
    assert "rome" == rows()[0].thread


def test_the_ledger_knows_the_cell(shell):
    shell.run("%claude hello")
    assert str(shell.ip.execution_count - 1) == rows()[0].cell


def test_an_answer_cut_at_max_tokens_says_what_to_type(shell):
    result = shell.run("%%claude -n 5\npractice:long@200")
    assert "max_tokens" == shell["_claude"].stop_reason
    assert "%claude continue" in result.outputs[-1].data["text/plain"]


def test_an_unknown_model_is_sent_with_a_note(shell):
    result = shell.run("%%claude -m claude-haiku-9-9\nhello")
    assert "not in the catalogue" in result.seen
    assert "NotFoundError" in result.seen


def test_a_question_mark_and_an_empty_body_reach_us(shell):
    assert "what is an index?" in shell.run("%claude what is an index?").result
    assert "There is no question" == shell.error("%%claude").message


def test_braces_and_dollars_on_the_line_are_ours_and_not_ipythons(shell):
    shell.run("x = 5")
    assert "costs $x" in shell.run("%claude practice:echo it costs $x").result


def test_an_answer_that_asks_for_a_tool_says_so(shell):
    tool = '{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}'
    choice = '{"type":"tool","name":"get_weather"}'
    result = shell.run(f"%%claude -p 'tools=[{tool}]' -p 'tool_choice={choice}'\nHow is the weather?")
    assert "" == str(shell["_claude"])
    assert "asked for the tool get_weather(" in result.outputs[-1].data["text/plain"]
    assert "asked for the tool get_weather" in showing.bundle(shell["_claude"])["text/html"]


def test_a_tool_s_arguments_are_shown_and_bounded():
    calls = [
        {"type": "tool_use", "name": "get_weather", "input": {"city": city}} for city in ("Köln", "x" * 999)
    ]
    message = wire.record({"type": "message", "role": "assistant", "content": calls})
    told = showing.tools_asked(Answer(message))
    assert "asked for the tool get_weather(city='Köln')" == told[0]
    assert 250 > len(told[1])


def test_a_frame_stands_under_its_readout(shell):
    result = shell.run("%%claude -f df\npractice:echo\n```csv\nname,age\nAda,36\n```")
    assert " in · " in result.outputs[0].data["text/plain"]


def test_o2_a_made_file_is_named_with_the_line_that_fetches_it_and_not_fetched(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = shell.run("%%claude --skill xlsx --no-history\nMake an Excel file of it")
    (file,) = shell["_claude"].files
    typed = f"%claude files download {file.file_id} practice.xlsx"
    told = result.outputs[-1].data
    assert f"made practice.xlsx ({file.size_bytes / 1e3:.1f} kB, practice): {typed}" == told["text/plain"]
    assert f">{typed}</code>" in told["text/html"]
    assert "skill xlsx · " in result.outputs[0].data["text/html"]
    assert [] == list(tmp_path.iterdir())
    shell.run(typed)
    assert (tmp_path / "practice.xlsx").is_file()
    assert typed in showing.bundle(shell["_claude"])["text/html"]


def test_o1_o4_the_name_of_a_made_file_is_shown_as_text():
    name = "<img onerror=alert(1)>\x1b[2J --yes.xlsx"
    file = making.MadeFile({"file_id": "file_<b>", "filename": name, "size_bytes": 5})
    answer = Answer(wire.record({"type": "message", "role": "assistant", "content": []}), source="practice")
    answer.files = [file]
    shown = made.bundle(answer)
    assert "<img" not in shown["text/html"]
    assert "<b>" not in shown["text/html"].replace("</b>", "")
    assert "\x1b" not in shown["text/html"] + shown["text/plain"]


def test_an_upload_is_told_before_the_answer_and_stands_in_the_readout(shell, tmp_path):
    (tmp_path / "long.txt").write_text("Cats sleep. " * 90_000)
    shell.run(f"from pathlib import Path; long = Path({str(tmp_path)!r}) / 'long.txt'")
    result = shell.run("%%claude -n 20 --no-history\nWho sleeps, by {long}?")
    assert "uploaded long.txt (1.1 MB) as file_" in result.outputs[0].data["text/plain"]
    assert "with long (text, 1,080,000 characters, as an upload)" in result.outputs[1].data["text/html"]
    assert "tokens for" in shell.run("%claude count {long}").result


def test_skills_hold_in_a_conversation_until_it_starts_anew(shell, tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    shell.run(f"%%claude --skill xlsx --attach {tmp_path}/data.csv\nMake an Excel file")
    assert (
        "xlsx"
        == shell.run("%%claude --dry-run\nAgain").result.attrs["body"]["container"]["skills"][0]["skill_id"]
    )
    assert "container" not in shell.run("%%claude --new --dry-run\nAgain").result.attrs["body"]
    assert (
        "container" in shell.run("%%claude --dry-run\nAgain").result.attrs["body"]
    )  # a dry run took nothing away
    assert "container" not in shell.run("%%claude -t other --dry-run\nAgain").result.attrs["body"]


def test_what_arrived_of_a_cut_answer_is_named_as_the_notebook_has_it(shell):
    error = shell.error("%claude practice:cut")
    assert "What arrived is in _claude" in error.hint
    assert str(shell["_claude"])

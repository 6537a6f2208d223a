"""Does a cell go over the rows of a frame?"""

from __future__ import annotations

import pandas as pd
import pytest

from claude_magic import ledger
from claude_magic.cells import complete
from claude_magic.errors import InputError
from claude_magic.grammar import flags, manual
from claude_magic.grammar.cell import Ask, OverRows, parse_cell, parse_line

FRAME = pd.DataFrame({"text": ["It is good and cheap", "It was a bad one"], "stars in all": [5, 1]})
BODY = "Is this review good or bad? {text}"


def over(line: str, body: str = BODY) -> OverRows:
    found = parse_cell(line, body)
    assert isinstance(found, OverRows)
    return found


def test_a_cell_over_rows_is_read_with_its_frame_model_and_flags():
    found = over(
        "map df haiku -o out --choices good,bad --sample 20 --prefix x_ --max-cost 0.5 -n 1k --details"
    )
    assert ("map", "df") == found[:2]
    own = {"sample": 20, "prefix": "x_", "details": True}
    asked = [getattr(found.ask, name) for name in ("prompt", "model", "out", "choices", "max_tokens")]
    assert [BODY, "claude-haiku-5-5", "out", ["good", "bad"], 1000] == asked
    assert own == dict(found.own)


@pytest.mark.parametrize(
    "line", ["map df -o out", "map -o out df", "out << map df", "map {df} --out=out", "map df -o out --quiet"]
)
def test_frame_and_name_stand_where_one_would_put_them(line):
    assert ("df", "out") == (over(line).frame, over(line).ask.out)


@pytest.mark.parametrize("frame", ["df", "data.frames[0]", 'parts["a"]', "größe"])
def test_a_frame_is_a_name_or_what_a_name_holds(frame):
    assert frame == over(f"map {frame}").frame


@pytest.mark.parametrize("command", flags.IN_CELLS, ids=lambda c: c.name)
def test_every_example_in_the_help_is_read_as_that(command):
    assert command.name == over(command.example).verb
    assert f"%%claude {command.usage}" in manual.help_text()
    assert f"Example: %%claude {command.example}" in manual.help_text(command.name)
    assert [] == [name for name in command.takes if f"--{name}" not in manual.help_text(command.name)]


@pytest.mark.parametrize("flag", flags.OF_ROWS, ids=lambda f: f.name)
def test_every_example_of_a_flag_sets_its_field(flag):
    assert [flag.field] == list(over(flag.example).own)
    assert f"Example: %%claude {flag.example}" in manual.help_text(f"--{flag.name}")


def test_flags_over_rows_are_keywords_of_map_and_no_flags_of_a_question():
    import inspect

    from claude_magic.rows import mapping

    keywords = {*inspect.signature(mapping.map).parameters}
    assert {"preview"} == {flag.field for flag in flags.OF_ROWS} - keywords
    assert [] == [flag.name for flag in flags.OF_ROWS if f"--{flag.name}" in flags.BY_WORD]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("map", "map needs a frame", "%%claude map df -o out"),
        ("map df --samples 3", "There is no option --samples", "--sample"),
        ("map df --stream", "There is no option --stream", "--system"),
        ("map df --thread x", "--thread cannot stand here", "--model"),
        ("map df extra", "'extra' is neither a frame, a model nor an option", "%%claude map FRAME"),
        ("batch df --preview 3", "--preview cannot stand here", "--sample"),
        ("haiku map df", "'map' is neither a model nor an option", "map goes first"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(line, message, hint):
    with pytest.raises(InputError) as caught:
        parse_cell(line, BODY)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_cell_without_a_prompt_says_what_to_write():
    with pytest.raises(InputError) as caught:
        parse_cell("map df", " \n")
    assert "with its columns in braces" in caught.value.hint


@pytest.mark.parametrize("line", ["map df -o out", "map the isles", "map", "batch df -o job"])
def test_a_line_says_that_it_takes_a_cell_and_how_to_ask_it(line):
    with pytest.raises(InputError) as caught:
        parse_line(line)
    assert "%%claude" in caught.value.hint
    assert f"%claude -- {line}" in caught.value.hint


def test_literally_asked_it_is_a_question():
    assert Ask("map the isles") == parse_line("-- map the isles")


STATE = {"variables": {"df": FRAME, "text": "x", "kind": pd.DataFrame}}


def at(typed: str) -> list[str]:
    before = typed.partition("|")[0]
    row, column = before.count("\n"), len(before.rpartition("\n")[2])
    found = complete.complete(typed.replace("|", ""), row, column, STATE)
    assert found is not None
    return found.options


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%%claude ma|", ["map"]),
        ("%%claude x << ma|", ["map"]),
        ("%%claude map |", ["df"]),
        ("%%claude x << map d|", ["df"]),
        ("%%claude map df --sa|", ["--sample"]),
        ("%%claude map df --st|", ["--st"]),
        ("%%claude map df op|", ["opus"]),
        ("%%claude map df --images |", ["text", "stars in all"]),
        ("%%claude map df\nIs {|", ["text", "stars in all"]),
        ("%%claude map df -o x\nIs {st|", ["stars in all"]),
        ("%%claude map df -o x\nIs {stars in|", ["stars in all"]),
        ("%%claude map df\nIs {{te|", ["te"]),
        ("%%claude map df\nIs te|", ["te"]),
        ("%%claude\nIs {te|", ["text"]),
    ],
)
def test_frames_flags_and_columns_are_completed(typed, offered):
    assert offered == at(typed)


def test_runs_and_jobs_are_completed_by_name(shell):
    shell.ip.user_ns["df"] = FRAME
    shell.run(f"%%claude map df --name reviews\n{BODY}")
    shell.run(f"%%claude batch df --name offers\n{BODY} Why?")
    state = complete._notebook(shell.ip)
    assert ["reviews"] == complete.complete("%claude runs re", 0, 15, state).options
    state = complete._notebook(shell.ip)
    assert ["offers"] == complete.complete("%claude batch o", 0, 15, state).options


def test_a_cell_binds_the_frame_and_shows_one_line(shell):
    shell.ip.user_ns["df"] = FRAME
    done = shell.run(f"%%claude map df -o out --choices good,bad\n{BODY}")
    assert ["good", "bad"] == shell["out"]["claude_value"].tolist()
    assert done.result is None
    assert 2 == len(ledger.shared().rows())
    (shown,) = done.outputs
    assert shown.data["text/plain"].startswith("2 rows · 2 ok · ")
    assert shown.data["text/plain"].endswith(" s · practice")
    assert [] == shell.run(f"%%claude map df -o out -q\n{BODY}").outputs


def test_without_a_name_the_frame_is_the_cell_s_value(shell):
    shell.ip.user_ns["df"] = FRAME
    found = shell.run(f"%%claude map df --schema 'quality: str' --prefix x_\n{BODY}").result
    assert ["x_quality", "x_status", "x_error"] == list(found.columns)[2:]


def test_a_type_is_one_of_the_notebook_s(shell):
    shell.ip.user_ns["df"] = FRAME
    shell.run("from typing import Literal\nQuality = Literal['good', 'bad']")
    found = shell.run(f"%%claude map df --schema Quality\n{BODY}").result
    assert ["good", "bad"] == found["claude_value"].tolist()
    error = shell.error(f"%%claude map df --schema Quality --choices a,b\n{BODY}")
    assert "--schema and --choices" in error.message


def test_braces_are_columns_and_a_variable_is_told_how_to_become_one(shell):
    shell.ip.user_ns.update(df=FRAME, kind="review")
    assert "Did you mean text?" in shell.error("%%claude map df\nIs {txt} good?").hint
    error = shell.error("%%claude map df\nIs this {kind} good? {text}")
    assert "kind is a variable, and braces are columns here. Make it one: df.assign(kind=kind)" == error.hint
    assert [] == ledger.shared().rows()


def test_what_is_no_frame_is_refused(shell):
    shell.ip.user_ns.update(df=FRAME, kind="review")
    assert "{dfs}: no such variable" == shell.error(f"%%claude map dfs\n{BODY}").message
    assert "has no rows" in shell.error(f"%%claude map kind\n{BODY}").message


def test_a_dry_run_asks_nothing_and_a_preview_asks_a_few(shell):
    shell.ip.user_ns["df"] = FRAME
    found = shell.run(f"%%claude map df --dry-run\n{BODY}").result
    assert {"live", "batch"} == set(found["mode"])
    assert [] == ledger.shared().rows()
    assert 1 == len(shell.run(f"%%claude map df --preview 1 -o few\n{BODY}").result) == len(shell["few"])
    assert 1 == len(ledger.shared().rows())


def test_a_batch_cell_gives_a_job_and_lines_show_runs_and_jobs(shell):
    shell.ip.user_ns["df"] = FRAME
    shell.run(f"%%claude batch df -o job --name reviews --choices good,bad\n{BODY}")
    made = shell.run("job.wait(progress=False).frame()").result
    assert ["good", "bad"] == made["claude_value"].tolist()
    assert ["reviews"] == shell.run("%claude runs").result.index.tolist()
    assert 2 == shell.run("%claude batch").result.loc["reviews", "succeeded"]
    assert "reviews" == shell.run("%claude runs reviews").result.name
    assert "reviews" == shell.run("%claude batch reviews").result.name
    assert "There is no run" in shell.error("%claude runs reviewz").message


def test_an_estimate_of_a_notebook_says_that_a_map_is_not_in_it(tmp_path):
    import json

    import claude_magic

    path = tmp_path / "lesson.ipynb"
    cell = {"cell_type": "code", "source": f"%%claude map df\n{BODY}", "outputs": []}
    path.write_text(json.dumps({"cells": [cell]}))
    found = claude_magic.estimate(path)
    assert "over rows: add --dry-run to see what they cost" == found["unknown"].iloc[0]


def test_a_batch_that_is_on_its_way_is_shown_also_where_it_has_a_name_unless_it_is_to_be_quiet(shell):
    shell.ip.user_ns["df"] = FRAME
    made = shell.run(f"%%claude batch df -o job --name reviews\n{BODY}")
    assert made.result is shell["job"]
    assert "reviews: in progress · 2 rows · 2 processing" in made.stdout
    assert "" == shell.run("%%claude batch df -o job -q\nIs it cheap? {text}").seen


def test_a_cell_that_waits_shows_the_batch_once_and_a_later_one_shows_it_again(shell):
    shell.ip.user_ns["df"] = FRAME
    shell.run(f"%%claude batch df -o job --name reviews\n{BODY}")
    assert 1 == shell.run("job.wait()").seen.count("2 succeeded")
    assert 1 == shell.run("job").seen.count("2 succeeded")
    assert 1 == shell.run("job.wait(progress=False)").seen.count("2 succeeded")
    assert 2 == shell.run("display(job.wait()); job").seen.count("2 succeeded")


@pytest.mark.parametrize(("line", "time"), [("%claude runs", "started"), ("%claude batch", "created")])
def test_runs_and_batches_are_listed_to_the_second_and_stay_exact(shell, line, time):
    shell.ip.user_ns["df"] = FRAME
    shell.run(f"%%claude batch df -o job --name reviews\n{BODY}")
    shell.run("job.wait(progress=False);")
    found = shell.run(line)
    lines = found.stdout.strip().splitlines()
    head = next(text for text in lines if text.startswith("name "))
    row = next(text for text in lines if text.startswith("reviews "))
    assert f"{time} (UTC)" in head and "failed" not in head and "errored" not in head
    assert f"{found.result.loc['reviews', time]:%Y-%m-%d %H:%M:%S}  " in row
    assert "+00:00" not in row and "$0.0000" in row
    assert found.result.loc["reviews", "cost_usd"] > 0

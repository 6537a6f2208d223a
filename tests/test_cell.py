"""Does the parser understand every magic line, and say what to type where it cannot?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.errors import ClaudeError, InputError
from claude_magic.grammar.cell import Ask, CommandCall, OverRows, parse_cell, parse_line
from claude_magic.grammar.flags import COMMANDS, FLAGS
from claude_magic.protocol import catalog

ALIASES = {"best": "claude-opus-5-5"}


def cell(line: str, body: str = "Why?\n") -> Ask:
    return parse_cell(line, body, ALIASES)


def refused(line: str, body: str = "Why?\n") -> InputError:
    with pytest.raises(InputError) as caught:
        parse_cell(line, body, ALIASES)
    return caught.value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("haiku", {"model": "claude-haiku-5-5"}),
        ("best", {"model": "claude-opus-5-5"}),
        ("claude-next-9", {"model": "claude-next-9"}),
        ("-m something-else", {"model": "something-else"}),
        ("summary << haiku -q", {"out": "summary", "model": "claude-haiku-5-5", "quiet": True}),
        ("a<<opus", {"out": "a", "model": "claude-opus-5-5"}),
        ("-o a -i df", {"out": "a", "inp": "df"}),
        ("-n 500", {"max_tokens": 500}),
        ("-n 4k", {"max_tokens": 4000}),
        ("--max-tokens=1_000", {"max_tokens": 1000}),
        ("-n 1.5k", {"max_tokens": 1500}),
        ("--effort max --think", {"effort": "max", "think": True}),
        ("--no-think --no-stream --raw", {"think": False, "stream": False, "raw": True}),
        ("--max-cost $.05", {"max_cost": Decimal("0.05")}),
        ("-s 'Be brief.' -f json -t rome", {"system": "Be brief.", "format": "json", "thread": "rome"}),
        ('--system="a = b"', {"system": "a = b"}),
        (r'-s "say \"hi\""', {"system": 'say "hi"'}),
        ("-s don't", {"system": "don't"}),
        ("-s ''", {"system": ""}),
        ("--new --no-history --dry-run", {"new": True, "no_history": True, "dry_run": True}),
        (r"--attach a\ b.pdf --attach 'c d' --attach C:\x", {"attach": ["a b.pdf", "c d", "C:\\x"]}),
        ("-p top_k=5 -p speed=fast", {"params": {"top_k": 5, "speed": "fast"}}),
        ("-p a.b=1 -p a.c=[1,2]", {"params": {"a": {"b": 1, "c": [1, 2]}}}),
        ('-p meta={"user": "anna b", "x": {}}', {"params": {"meta": {"user": "anna b", "x": {}}}}),
        ("""-p 'meta={"user": "anna b"}'""", {"params": {"meta": {"user": "anna b"}}}),
        ("-p stop='a b'", {"params": {"stop": "a b"}}),
        ("--tool weather --tool web_search", {"tools": ["weather", "web_search"]}),
        ("--tool $tools --max-steps 3 --approve", {"tools": ["$tools"], "max_steps": 3, "approve": True}),
        ("--schema list[Person]", {"returns": "list[Person]"}),
        ("--schema 'int | None'", {"returns": "int | None"}),
        ("--choices yes,no", {"choices": ["yes", "no"]}),
        ("--choices 'well done, rare,,rare'", {"choices": ["well done", "rare"]}),
        ("--compare haiku,best", {"compare": ["claude-haiku-5-5", "claude-opus-5-5"]}),
        ("--cache", {"cache": "5m"}),
        ("--cache haiku", {"cache": "5m", "model": "claude-haiku-5-5"}),
        ("--cache 1h", {"cache": "1h"}),
        ("--cache=off -q", {"cache": "off", "quiet": True}),
        ("--replay only --show-request", {"replay": "only", "show_request": True}),
        ("--history-tokens 20k --compact", {"history_tokens": 20_000, "compact": True}),
    ],
)
def test_a_header_sets_what_it_says_and_nothing_else(line, expected):
    assert Ask("Why?", **expected) == cell(line)


def test_a_body_keeps_its_lines_and_loses_its_ends():
    assert "  a\n\n\tb {x}" == cell("", "\n\n  a\n\n\tb {x}  \n\n").prompt


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("--maxtokens 5", "no option --maxtokens", "--max-tokens"),
        ("--max_tokens 5", "no option --max_tokens", "--max-tokens"),
        ("–n 5", "no option –n", "Did you mean -n?"),
        ("--think yes", "'yes' is neither", "--think takes no value: type it alone."),
        ("—quiet", "no option —quiet", "--quiet"),
        ("-n500", "no option -n500", "-n 500"),
        ("--zzz", "no option --zzz", "%claude help"),
        ("sonet", "'sonet' is neither a model nor an option", "sonnet"),
        ("bst", "'bst' is neither", "best"),
        ("raw", "'raw' is neither", "--raw"),
        ("status", "'status' is neither", "%claude status"),
        ("x << opus b", "'b' is neither", ""),
        ("haiku a << ", "'a' is neither", ""),
        ("-s “be brief”", "'brief”' is neither", "straight quotes"),
        ("-n many", "--max-tokens expects a whole number", "-n 4k"),
        ("-n 0", "expects a whole number", "-n 4k"),
        ("-n 1.5", "expects a whole number", "-n 4k"),
        ("-n -5", "not '-5'", "-n 4k"),
        ("-n", "expects a whole number", "-n 4k"),
        ("-n --raw", "expects a whole number", "-n 4k"),
        ("-f jsn", "one of markdown, text, code, json, df, html, not 'jsn'", "--format json"),
        ("--effort 7", "one of low, medium", "--effort low"),
        ("--max-cost cheap", "amount in USD", "--max-cost 0.05"),
        ("--max-cost -1", "amount in USD", "--max-cost 0.05"),
        ("-o 2x", "name of a variable, not '2x'", "-o summary"),
        ("-o class", "name of a variable", "-o summary"),
        ("my-name << opus", "name of a variable, not 'my-name'", "-o summary"),
        ("-t a/b", "letters, digits", "-t rome"),
        ("--raw=yes", "--raw takes no value", "--raw alone"),
        ("-p top_k", "--param expects K=V", "-p "),
        ('-p a={"a":', 'The value of a is not JSON: {"a":', "brackets"),
        ("-p a=1 -p a=2", "a is given twice", "Keep one"),
        ("-p a=1 -p a.b=2", "a has a value already", "Keep one"),
        ("-m opus haiku", "--model is given twice", "Keep one"),
        ("x << -o y", "--out is given twice", "Keep one"),
        ("--think --no-think", "--no-think contradicts --think", "Keep one"),
        ("--no-think --think", "--think contradicts --no-think", "Keep one"),
        ("-s 'never closed", "The quote in 'never closed is not closed", "'"),
    ],
)
def test_a_wrong_header_is_refused_with_what_to_type(line, message, hint):
    error = refused(line)
    assert message in error.message
    assert hint in error.hint
    assert error.hint


def test_a_question_on_the_header_is_sent_to_the_line_magic():
    assert "%claude what is an index?" in refused("what is an index?", "\n").hint


@pytest.mark.parametrize("body", ["", "\n", " \n\t\n"])
def test_a_cell_with_no_question_says_where_to_write_it(body):
    assert "lines below" in refused("opus", body).hint


@pytest.mark.parametrize("line", ["-i df", "--attach a.pdf"])
def test_a_value_or_a_file_alone_is_a_question(line):
    assert "" == cell(line, "\n").prompt


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("don't use --fast mode", Ask("don't use --fast mode")),
        ("what is an index?", Ask("what is an index?")),
        ('say "a  b" \\ {x}', Ask('say "a  b" \\ {x}')),
        ("'tis the season", Ask("'tis the season")),
        ("-m opus why -n is it so", Ask("why -n is it so", model="claude-opus-5-5")),
        ("-q --system='Be brief.' it's", Ask("it's", quiet=True, system="Be brief.")),
        ("-- reset the counter", Ask("reset the counter")),
        ("-q -- -q", Ask("-q", quiet=True)),
        ("-m best model", Ask("model", model="claude-opus-5-5")),
        ("-5 + 3?", Ask("-5 + 3?")),
        ("- a list?", Ask("- a list?")),
        ("haiku about rain", Ask("haiku about rain")),
        ("Help me", Ask("Help me")),
        ("modelling", Ask("modelling")),
        ("", CommandCall("help", [], "")),
        ("?", CommandCall("help", [], "")),
        ("usage?", CommandCall("help", ["usage"], "usage")),
        ("model", CommandCall("model", [], "")),
        ("model  opus", CommandCall("model", ["opus"], "opus")),
        ("history 2 rome", CommandCall("history", ["2", "rome"], "2 rome")),
        ("alias fast haiku", CommandCall("alias", ["fast", "haiku"], "fast haiku")),
        ("system Don't  guess.", CommandCall("system", ["Don't", "guess."], "Don't  guess.")),
        ("system 'tis", CommandCall("system", ["'tis"], "'tis")),
        ("budget day $0.50", CommandCall("budget", ["day", "$0.50"], "day $0.50")),
        ("usage by model", CommandCall("usage", ["by", "model"], "by model")),
        ("count how many?", CommandCall("count", ["how", "many?"], "how many?")),
        ("help --max-tokens", CommandCall("help", ["--max-tokens"], "--max-tokens")),
        ("config system Be brief.", CommandCall("config", ["system", "Be", "brief."], "system Be brief.")),
    ],
)
def test_a_line_is_a_question_taken_literally_or_a_command(line, expected):
    assert expected == parse_line(line, ALIASES)


@pytest.mark.parametrize(
    "line",
    [
        "model of the atom",
        "model theory?", "models of cognition", "history of Rome", "help me write a loop",
        "system of equations?", "usage of commas", "cost of living?", "budget 2026 plan", "alias of Banksy",
        "practice makes perfect",
        "login page in Flask?", "reset password?", "continue the story",
        "count", "undo 0", "version control", "threads in Python", "status quo", "undo all", "config what?",
    ],
)  # fmt: skip
def test_a_question_that_begins_like_a_command_gets_both_ways_to_go_on(line):
    name = line.split()[0]
    with pytest.raises(InputError) as caught:
        parse_line(line)
    assert f"%claude -- {line}" in caught.value.hint
    assert f"%claude {next(c.usage for c in COMMANDS if c.name == name)}" in caught.value.hint


def test_a_line_with_an_unknown_flag_is_refused_with_a_way_to_ask_it():
    with pytest.raises(InputError) as caught:
        parse_line("--fast lane?")
    assert "%claude -- --fast lane?" in caught.value.hint


def test_a_line_with_flags_alone_has_no_question():
    with pytest.raises(InputError, match="There is no question"):
        parse_line("-m opus")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_example_of_a_command_is_that_command(command):
    assert command.name == parse_line(command.example).name


@pytest.mark.parametrize("flag", FLAGS, ids=lambda f: f.name)
def test_every_example_of_a_flag_sets_its_field(flag):
    assert getattr(Ask(""), flag.field) != getattr(cell(flag.example), flag.field)


@pytest.mark.parametrize("model", [m.id for m in catalog.all_models()])
def test_every_model_can_be_named_first(model):
    assert model == cell(model).model


PIECES = st.sampled_from(
    [
        "-",
        "--",
        "=",
        "<<",
        "'",
        '"',
        "\\",
        " ",
        "{",
        "[",
        "a",
        "-p",
        "-n",
        "--raw",
        "--think",
        "opus",
        "k=",
        "\0",
        "…",
    ]
    + [flag.words[-1] for flag in FLAGS]
    + [command.name for command in COMMANDS]
)
LINES = st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join))


@given(LINES, st.sampled_from(["", "x"]))
def test_no_line_raises_anything_but_our_own_error(line, body):
    hints: list[str] = []
    for parse in (lambda: parse_cell(line, body, ALIASES), lambda: parse_line(line, ALIASES)):
        try:
            assert isinstance(parse(), Ask | CommandCall | OverRows)
        except ClaudeError as error:
            hints.append(error.hint)
    assert all(hints)


@given(st.from_regex(r"\A[A-Za-z'\"(][^\r\n]*[^\s]\Z"))
def test_a_question_reaches_us_as_it_was_typed(question):
    assert question == parse_line(f"-q -- {question}").prompt


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("hlep", "help"),
        ("logn", "login"),
        ("modle opus", "model opus"),
        ("modl", "model"),
        ("statuss", "status"),
    ],
)
def test_a_line_one_slip_from_a_command_gets_both_ways_to_go_on(line, near):
    with pytest.raises(InputError) as caught:
        parse_line(line)
    assert f"Did you mean %claude {near}? To ask it: %claude -- {line}" == caught.value.hint


@pytest.mark.parametrize("line", ["hello", "story", "hlep me", "modle the atom", "most", "counter", "hlep?"])
def test_a_line_that_is_only_a_little_like_a_command_is_a_question(line):
    assert line == parse_line(line).prompt


def test_a_conversation_s_name_takes_no_spaces():
    for line in ("--thread a b", "-t 'a b'"):
        with pytest.raises(InputError) as caught:
            parse_cell(line, "x")
        assert "spaces" in str(caught.value) + caught.value.hint


def test_what_usage_is_grouped_by_is_listed():
    with pytest.raises(InputError) as caught:
        parse_line("usage by zzz")
    assert "WHAT: model, day" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("-n 999999999", "--max-tokens expects a whole number from 1 to 99_999_999", "4k"),
        ("--choices yes", "--choices expects two labels or more", "yes,no"),
        ("--compare opus", "--compare expects two models or more", "haiku,opus"),
        ("--cache=2h", "--cache expects one of auto, 5m, 1h, off, not '2h'", ""),
        ("--replay nly", "--replay expects one of", "--replay only"),
        ("--tool 'f()'", "--tool expects the name of a function", "--tool weather"),
        ("--schema", "--schema expects the name of a type", "--schema Person"),
        ("--apply", "--apply cannot stand here", "--model"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_can(line, message, hint):
    error = refused(line)
    assert message in error.message
    assert hint in error.hint


def test_a_command_takes_flags_anywhere_after_it():
    for line in ("explain 3 -m opus -q", "explain -m opus 3 -q", "explain --model=best --quiet 3"):
        call = parse_line(line, ALIASES)
        assert isinstance(call, CommandCall)
        assert ("explain", ["3"], "3", {}) == (call.name, call.args, call.rest, dict(call.own))
        assert Ask("3", model="claude-opus-5-5", quiet=True) == call.ask


def test_a_command_s_own_flags_are_apart_from_those_of_a_question():
    call = parse_line("export rome 'my talk.py' --yes", ALIASES)
    assert (
        CommandCall(
            "export", ["rome", "my talk.py"], "rome my talk.py", Ask("rome my talk.py"), {"yes": True}
        )
        == call
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explain -t rome --compare haiku,opus", "--compare cannot stand here"),
        ("explain --aply", "There is no option --aply"),
        ("explain -m", "--model expects"),
        ("export rome --apply", "--apply cannot stand here"),
        ("explain what -q does", "'explain' is a command, and 'what -q does' does not fit it"),
    ],
)
def test_a_flag_that_a_command_does_not_take_is_refused_and_a_question_still_possible(line, message):
    with pytest.raises(InputError) as caught:
        parse_line(line, ALIASES)
    assert message in caught.value.message
    assert f"%claude -- {line}" in caught.value.hint or "For example" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("--compare haiku, sonnet", "compare", ["claude-haiku-5-5", "claude-sonnet-5-5"]),
        ("--choices yes, no, unsure -q", "choices", ["yes", "no", "unsure"]),
        ("--tool a, b", "tools", ["a,b"]),
    ],
)
def test_a_space_may_follow_the_comma_of_a_list(line, field, expected):
    found = getattr(parse_cell(line, "Hi"), field)
    assert expected == found


def test_a_time_that_cannot_be_is_refused_with_those_that_can():
    for line in ("--cache 2h", "--cache 2h -q", "--cache long"):
        with pytest.raises(InputError, match="--cache expects one of auto, 5m, 1h, off, not"):
            parse_cell(line, "Hi")
    with pytest.raises(InputError, match="not '2h'"):
        parse_line("--cache 2h What is an index?")
    asked = parse_line("--cache What is an index?")
    assert isinstance(asked, Ask) and ("5m", "What is an index?") == (asked.cache, asked.prompt)


def test_labels_in_a_variable_are_pointed_to_the_flag_that_takes_it():
    with pytest.raises(InputError) as caught:
        parse_cell("--choices colors", "Hi")
    assert "--schema colors" in caught.value.hint


def test_a_count_of_none_says_that_it_begins_at_one():
    with pytest.raises(InputError, match="from 1 to"):
        parse_cell("--max-steps 0", "Hi")

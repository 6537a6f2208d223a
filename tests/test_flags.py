"""Do the tables say everything once, and does help come from them?"""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from claude_magic import cassette, settings
from claude_magic.cells import asking
from claude_magic.errors import InputError
from claude_magic.grammar.cell import Ask, parse_cell, parse_line
from claude_magic.grammar.flags import BY_WORD, COMMANDS, EFFORTS, FLAGS, FORMATS, OWN, REPLAYS, USAGE_BY
from claude_magic.grammar.flagvalues import KINDS
from claude_magic.grammar.keywords import Keywords
from claude_magic.grammar.manual import flag_table_markdown, help_text
from claude_magic.protocol import catalog
from claude_magic.talk import chat

ELSEWHERE = ("attach", "compare", "max_cost", "stream", "thread")  # asking.py passes these on in other ways


def test_no_two_flags_share_a_word():
    words = [word for flag in FLAGS for word in flag.words]
    assert len(words) == len(set(words))


def test_flags_and_fields_are_the_same():
    assert {f.name for f in fields(Ask)} - {"prompt"} == {flag.field for flag in FLAGS}


def test_what_a_cell_says_of_a_call_has_the_names_of_the_keywords_of_ask():
    asked = {*inspect.signature(chat.ask).parameters}
    assert asked - {*asking.KEYWORDS} == {"prompt", "watch", "client", "cell", *ELSEWHERE}
    assert {*asking.KEYWORDS, *ELSEWHERE} - {"thread"} == {*Keywords.__annotations__}
    assert {*asking.KEYWORDS, *ELSEWHERE} <= {f.name for f in fields(Ask)}


def test_a_setting_with_the_name_of_a_flag_s_field_is_set_by_that_flag():
    same = {flag.field: flag for flag in FLAGS if flag.field in settings.OPTIONS and flag.kind != "off"}
    assert {"model", "max_tokens", "cache", "replay", "max_steps", "history_tokens", "compact"} <= same.keys()
    assert [] == [n for n, flag in same.items() if settings.OPTIONS[n].flag != f"--{flag.name}"]
    assert [] == [n for n, flag in same.items() if flag.choices not in ((), settings.OPTIONS[n].choices)]


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_the_example_of_a_flag_is_read_and_sets_its_field(flag):
    asked = parse_cell(flag.example, "Why?")
    assert getattr(asked, flag.field) != getattr(Ask("Why?"), flag.field)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_example_of_a_command_is_read_as_that_command(command):
    assert command.name == parse_line(command.example).name


@pytest.mark.parametrize("flag", OWN, ids=lambda flag: flag.name)
def test_the_example_of_a_flag_of_one_command_is_read_by_that_command(flag):
    assert {flag.field: True} == parse_line(flag.example).own


def test_what_a_command_takes_are_flags():
    known = {flag.name for flag in (*FLAGS, *OWN)}
    assert [] == [(c.name, name) for c in COMMANDS for name in c.takes if name not in known]
    assert [] == [flag.name for flag in OWN if set(flag.words) & set(BY_WORD)]


def test_modes_of_replay_are_those_of_cassettes():
    assert set(cassette.MODES) == set(REPLAYS)


def test_every_kind_of_flag_is_converted():
    assert {flag.kind for flag in FLAGS} == set(KINDS)


def test_choices_are_those_of_the_settings():
    assert (catalog.EFFORTS, settings.FORMATS) == (EFFORTS, FORMATS)


def test_usage_is_asked_by_what_the_ledger_groups_by():
    from claude_magic.frames.usage import BY

    assert BY == USAGE_BY


def test_help_has_every_flag_and_command_within_a_screen_s_width():
    text = help_text()
    assert [] == [flag.name for flag in FLAGS if f"--{flag.name}" not in text]
    assert [] == [c.name for c in COMMANDS if f"%claude {c.usage}" not in text]
    assert max(map(len, text.splitlines())) <= 80
    assert "no doubling" in text


@pytest.mark.parametrize("topic", ["--max-tokens", "-n", "max-tokens", "max_tokens"])
def test_help_explains_one_flag_with_an_example(topic):
    expected = (
        "-n, --max-tokens INT\n  most tokens the answer may take (500, 4k, 1_000)\n  Example: %%claude -n 4k"
    )
    assert expected == help_text(topic)


def test_help_explains_a_command_and_the_flag_of_that_name():
    text = help_text("model")
    assert "Example: %claude model opus" in text
    assert "-m, --model MODEL" in text


@pytest.mark.parametrize(
    ("topic", "near"),
    [("maxtokens", "--max-tokens"), ("budgt", "budget"), ("--formt", "--format"), ("zzzz", "%claude help")],
)
def test_help_on_an_unknown_topic_names_the_nearest(topic, near):
    with pytest.raises(InputError) as caught:
        help_text(topic)
    assert near in caught.value.hint


def test_the_markdown_table_has_a_row_for_each_flag():
    rows = flag_table_markdown().splitlines()
    assert ["| flag | value | what it does |", "|---|---|---|"] == rows[:2]
    assert len(FLAGS) == len(rows[2:])
    assert {4} == {row.count("|") for row in rows}

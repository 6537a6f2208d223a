"""Do the tables say everything once, and does help come from them?"""

from __future__ import annotations

from dataclasses import fields

import pytest

from claude_magic import catalog, settings
from claude_magic.cell import KINDS, Ask
from claude_magic.errors import InputError
from claude_magic.flags import COMMANDS, EFFORTS, FLAGS, FORMATS, USAGE_BY, flag_table_markdown, help_text


def test_no_two_flags_share_a_word():
    words = [word for flag in FLAGS for word in flag.words]
    assert len(words) == len(set(words))


def test_flags_and_fields_are_the_same():
    assert {f.name for f in fields(Ask)} - {"prompt"} == {flag.field for flag in FLAGS}


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

"""Does a template say of each row what its columns hold, and nothing else?"""

from __future__ import annotations

import datetime
import decimal
import pathlib

import pytest

from claude_magic.errors import InputError
from claude_magic.rows.asked import inputs
from claude_magic.rows.asked.template import Template, Unfit, field

DATA = {
    "text": ["good", "has {n} and {{braces}}"],
    "n": [3, 4],
    "price": [2.5, None],
    "user.name": ["Ada", "Bob"],
    "user": ["u1", "u2"],
    "review text": ["fine", "bad"],
    "a:b": ["colon", "colon"],
    "facts": [{"city": "Graz", "tags": ["x", "y"]}, {"tags": []}],
    "day": [datetime.date(2026, 11, 2), datetime.date(2026, 11, 3)],
    "usd": [decimal.Decimal("1.10"), decimal.Decimal(2)],
    "ok": [True, False],
}


def made(text, n=0, *, data=DATA, na=None):
    return "".join(Template(text, inputs.rows(data), na).pieces(n))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("Rate: good", "Rate: {text}"),
        ("good, good", "{text}, {text}"),
        ("2.50 of 3", "{price:.2f} of {n}"),
        ("fine by Ada (u1)", "{review text} by {user.name} ({user})"),
        ("colon", "{a:b}"),
        ("Graz, y", """{facts["city"]}, {facts['tags'][1]}"""),
        ('{"city": "Graz", "tags": ["x", "y"]}', "{facts}"),
        ("2026", "{day.year}"),
        ("2026-11-02 1.10 True", "{day} {usd} {ok}"),
        ("02/11", "{day:%d/%m}"),
        ("{text} is good", "{{text}} is {text}"),
        ("{good}", "{{{text}}}"),
        ('{"a": {"b": "good"}}', '{{"a": {{"b": "{text}"}}}}'),
        ('{"a": {"b": 1}} good', '{"a": {"b": 1}} {text}'),
        ('{"a": "good"}', '{"a": "{text}"}'),
        ("{} { } {1, 2} {note: see below} good", "{} { } {1, 2} {note: see below} {text}"),
        ("$5 for good ($)", "$5 for {text} ($)"),
        ("}} good", "}} {text}"),
    ],
)
def test_columns_stand_in_a_template(expected, text):
    assert expected == made(text)


def test_braces_of_a_value_are_never_read_again():
    assert "Rate: has {n} and {{braces}}" == made("Rate: {text}", 1)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{txt}", "{txt}: there is no column txt", "Did you mean text?"),
        ("{zzz.a:.2f}", "{zzz.a:.2f}: there is no column zzz", "There are text, n"),
        (r"\frac{a}{b}", "{a}: there is no column a", "Double the braces"),
        ("{ text }", "{ text } is no column", "Write {text}, without spaces."),
        ("{reviw text}", "{reviw text}: there is no such column", "Did you mean {review text}?"),
        ("{text.upper()}", "{text.upper()} is no column; nothing is evaluated", "Make a column of it first"),
        ("{text[:9]}", "{text[:9]}: nothing is evaluated or called", "Make a column of it first"),
        ("{n + 1}", "{n + 1} is no column", "Make a column of it first"),
        ("{text!r}", "{text!r} is no column", "Make a column of it first"),
        ("Sum up {text", "{text has no closing brace", "Write {text}."),
        ("{facts[x]}", "{facts[x]}: nothing is evaluated", "Make a column of it first"),
    ],
)
def test_what_might_be_meant_as_a_column_and_is_none_is_an_error(text, message, hint):
    with pytest.raises(InputError) as caught:
        made(text)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


def test_a_missing_value_makes_a_row_unfit_unless_something_stands_for_it():
    with pytest.raises(Unfit) as caught:
        made("{price}", 1)
    assert ("missing_value", "price is missing") == (caught.value.kind, caught.value.why)
    assert "not known" == made("{price:.2f}", 1, na="not known")


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ('{facts["city"]}', "missing_part", 'no ["city"] in it'),
        ("{text:.2f}", "unreadable_value", "'.2f' does not suit"),
        ("{text.length}", "missing_part", "no .length in it"),
    ],
)
def test_a_value_that_a_field_does_not_suit_makes_a_row_unfit(text, kind, why):
    with pytest.raises(Unfit) as caught:
        made(text, 1)
    assert kind == caught.value.kind
    assert why in caught.value.why


def test_o3_a_column_named_like_a_secret_is_not_sent_unless_it_holds_numbers():
    with pytest.raises(InputError, match="is named like a secret"):
        made("{password}", data={"password": ["hunter2"]})
    assert "12" == made("{password}", data={"password": [12]})
    with pytest.raises(InputError, match="is named like a secret"):
        made('{facts["api_key"]}', data={"facts": [{"api_key": "abc"}]})
    assert "the" == made("{token}", data={"token": ["the"]})  # a word of a text


def test_a_file_in_a_column_stands_where_it_is_named(tmp_path):
    (tmp_path / "note.txt").write_text("what it says")
    assert "File: what it says" == made("File: {file}", data={"file": [tmp_path / "note.txt"]})
    with pytest.raises(Unfit) as caught:
        made("{file}", data={"file": [pathlib.Path("/nowhere/a.png")]})
    assert "unreadable_value" == caught.value.kind


def test_columns_are_named_once_in_the_order_of_the_template():
    template = Template("{n} {text} {n}", inputs.rows(DATA))
    assert ["n", "text"] == template.columns


def test_a_field_reads_as_it_was_written():
    for written in ("text", "price:.2f", 'facts["city"]', "user.name"):
        assert f"{{{written}}}" == str(field(written, list(DATA)))
    assert None is field('"a": 1', list(DATA))

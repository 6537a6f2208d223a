"""Is a type that is written as a text the type that Python would read?"""

from __future__ import annotations

import datetime
import typing
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from claude_magic.errors import InputError
from claude_magic.prompts.typenames import named


@dataclass
class Person:
    name: str


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
NAMES = {"Person": Person, "fields": {"name": str}, "space": SimpleNamespace(Person=Person), "n": 5}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Person", Person),
        (" $Person ", Person),
        ("fields", {"name": str}),
        ("space.Person", Person),
        ("int", int),
        ("date", datetime.date),
        ("list[Person]", list[Person]),
        ("dict[str, int]", dict[str, int]),
        ("Person | None", Person | None),
        ("Optional[int]", int | None),
        ("Literal['yes', 'no']", typing.Literal["yes", "no"]),
        ("name: str, age: int", {"name": str, "age": int}),
        ("name: str", {"name": str}),
        ("name, age: int", {"name": str, "age": int}),
        ("people: list[Person], about: 'what it is'", {"people": list[Person], "about": "what it is"}),
        ("{'name': str, 'tags': [str]}", {"name": str, "tags": [str]}),
        ('{"type": "object", "properties": {"a": {"type": "string"}}}', SCHEMA),
        (
            '{"type": "object", "additionalProperties": false}',
            {"type": "object", "additionalProperties": False},
        ),
    ],
)
def test_a_text_stands_for_a_type(text, expected):
    assert expected == named(text, NAMES)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("Persn", "There is no type Persn", "Did you mean Person?"),
        ("list[Persn]", "There is no type Persn", "Did you mean Person?"),
        ("Nowhere", "There is no type Nowhere", "Define Nowhere in a cell first."),
        ("a b", "is not written as a type", "--schema 'name: str, age: int'"),
        ("print('x')", "cannot stand in a type", "list[NAME]"),
        ("space._hidden", "cannot stand in a type", "list[NAME]"),
        ("space.Nobody", "has no Nobody", "a cell of its own"),
        ("int[str]", "is no type", "list[NAME]"),
        ("x" * 9000 + "[", "is not written as a type", "list[NAME]"),
        ("(" * 5000, "is not written as a type", "list[NAME]"),
        ("complex", "complex is Python's own", "list[NAME]"),
        ("None", "None is of the type NoneType", "list[NAME]"),
        ("name: str = 5", "is not written as a type", "list[NAME]"),
    ],
)
def test_what_is_no_type_is_refused_with_what_to_type(text, message, hint):
    with pytest.raises(InputError) as caught:
        named(text, NAMES)
    assert (True, True) == (message in caught.value.message, hint in caught.value.hint)


def test_o2_nothing_is_run_that_stands_in_a_type():
    ran = []
    for text in (
        "ran.append(1)",
        "list[ran.append(1)]",
        "name: ran.append(1)",
        "[x for x in ran]",
        "lambda: 1",
    ):
        with pytest.raises(InputError):
            named(text, {"ran": ran})
    assert [] == ran


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("list[{'z': str}]", [{"z": str}]),
        ("list[fields]", [{"name": str}]),
        ("list[name: str, age: int]", [{"name": str, "age": int}]),
        ("list[name, age: int]", [{"name": str, "age": int}]),
        ("list[a: int]", [{"a": int}]),
    ],
)
def test_a_table_is_a_list_of_fields(text, expected):
    assert expected == named(text, NAMES)


@pytest.mark.parametrize("text", ["list[1:2]", "list[a:int:2]", "list[a: int, 3]"])
def test_other_slices_are_no_fields(text):
    with pytest.raises(InputError):
        named(text, NAMES)


def test_a_variable_that_is_no_type_is_told_by_its_name_and_type():
    with pytest.raises(InputError) as caught:
        named("space", NAMES)
    assert "space is of the type SimpleNamespace, and no type itself" == caught.value.message

"""Are nested values whole, bounded and without secrets?"""

from __future__ import annotations

import datetime
import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pydantic
import pytest

from claude_magic.prompts import structures
from claude_magic.prompts.structures import MOST_DEPTH, MOST_ITEMS


@dataclass
class Point:
    x: int
    token: str = "hunter2"
    inner: Any = None
    hidden: str = field(default="not shown", repr=False)


class Struct(msgspec.Struct):
    x: int = 1
    password: str = "hunter2"


class Model(pydantic.BaseModel):
    x: int = 1
    api_key: str = "hunter2"


class Named(NamedTuple):
    x: int
    pwd: str


def plain(value):
    """Return what a value becomes, and what is said of what is not in it."""
    left: list[str] = []
    return json.loads(structures.text(value, left)), left


@pytest.mark.parametrize("value", [Point(1), Struct(), Model(), Named(1, "hunter2")], ids=repr)
def test_a_record_is_its_fields_without_those_named_like_secrets(value):
    assert structures.is_structure(value)
    made, left = plain(value)
    assert 1 == made["x"]
    assert "hunter2" not in str(made)
    assert any("held back as named like a secret" in words for words in left)


def test_a_field_that_its_class_hides_stays_hidden():
    made, left = plain({"points": [Point(1, inner=Point(2))]})
    assert "not shown" not in str(made)
    assert "hidden held back as its class hides it" in left
    assert 2 == made["points"][0]["inner"]["x"]


@pytest.mark.parametrize("value", [Point, Struct, Model, int, "x", 3, None, object()])
def test_a_class_and_a_single_value_are_no_structures(value):
    assert not structures.is_structure(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (deque([1, 2]), [1, 2]),
        (Counter("aab"), {"a": 2, "b": 1}),
        ({"when": datetime.date(2026, 1, 2), "n": np.int64(3)}, {"when": "2026-01-02", "n": 3}),
        ({("a", 1): {2}}, {"('a', 1)": [2]}),
        ({1: "a", "1": "b"}, {"1": "a", "1 #2": "b"}),
        ({object(): 1, object(): 2}, {"<object object>": 1, "<object object> #2": 2}),
    ],
    ids=["deque", "Counter", "scalars", "keys", "a number and its text", "objects"],
)
def test_what_is_like_a_dict_or_a_list_is_one(value, expected):
    assert (expected, []) == plain(value)


def test_what_lies_too_deep_is_left_out_and_said():
    value: Any = {"password": "hunter2"}
    for _ in range(MOST_DEPTH):
        value = [value]
    made, left = plain(value)
    assert "hunter2" not in str(made)
    assert [f"nothing deeper than {MOST_DEPTH} levels sent"] == left


def test_a_structure_that_holds_itself_ends():
    loop: list[Any] = []
    loop.append(loop)
    _, left = plain(loop)
    assert [f"nothing deeper than {MOST_DEPTH} levels sent"] == left


def test_a_long_list_says_how_many_are_missing():
    made, left = plain(list(range(MOST_ITEMS + 7)))
    assert (MOST_ITEMS + 1, "[… 7 more left out]", ["first 500 sent"]) == (len(made), made[-1], left)


@pytest.mark.parametrize(("value", "size"), [([1, 2], 2), (Point(1), 4), ({}, 0)])
def test_the_size_counts_items_or_fields(value, size):
    assert size == structures.size(value)

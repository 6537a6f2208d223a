"""How is a JSON schema filled from a text?"""

# ruff: noqa: E501 - a row of a table is read on one line

from __future__ import annotations

import json
from typing import Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_magic import Client, ask
from claude_magic.practice.messages.fill import FORMATS, fill

TEXT = (
    "Ada Lovelace, aged 36, lives in London and wrote to ada@example.org on 2024-05-06. She paid $12.50 for 3 books. "
    "Status: open. The delivery was late and she wants a refund."
)


def obj(required=None, **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (obj(name={"type": "string"}), {"name": "Ada Lovelace"}),
        (obj(age={"type": "integer"}, books={"type": "integer"}), {"age": 36, "books": 3}),
        (obj(paid={"type": "number"}), {"paid": 12.5}),
        (obj(email={"type": "string", "format": "email"}), {"email": "ada@example.org"}),
        (obj(day={"type": "string", "format": "date"}), {"day": "2024-05-06"}),
        (obj(status={"type": "string"}), {"status": "open"}),
        (obj(status={"enum": ["closed", "open"]}), {"status": "open"}),
        (obj(kind={"enum": ["billing", "delivery"]}), {"kind": "delivery"}),
        (obj(sentiment={"enum": ["positive", "negative"]}), {"sentiment": "negative"}),
        (obj(refund={"type": "boolean"}), {"refund": True}),
        (obj(planet={"type": ["integer", "null"]}), {"planet": 36}),
        (obj(website={"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]}), {"website": None}),
        (obj(v={"const": 7}), {"v": 7}),
        (obj(tags={"type": "array", "items": {"enum": ["refund", "praise", "delivery"]}}), {"tags": ["refund", "delivery"]}),
        (obj([], mood={"type": "boolean"}), {}),
        (obj(numbers={"type": "array", "items": {"type": "integer"}}), {"numbers": [36, 3]}),
        ({**obj(who={"$ref": "#/$defs/P"}), "$defs": {"P": obj(name={"type": "string"})}}, {"who": {"name": "Ada Lovelace"}}),
        (obj(code={"type": "string", "pattern": "^[A-Z]{2}[0-9]$"}), {"code": ""}),
    ],
    ids=str,
)  # fmt: skip
def test_values_are_found_in_the_text(schema, value):
    assert value == fill(schema, TEXT)


def test_rows_of_a_table_become_objects():
    schema = obj(items={"type": "array", "items": obj(name={"type": "string"}, price={"type": "number"})})
    table = "name,price\napple,1.5\npear,2.25"
    assert {"items": [{"name": "apple", "price": 1.5}, {"name": "pear", "price": 2.25}]} == fill(
        schema, table
    )


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["red", "green", 3, None]},
        {"const": "x"},
        *({"type": "string", "format": name} for name in FORMATS),
    ]
)
names = st.sampled_from(
    ["name", "age", "city", "total", "is_open", "email", "tags", "kind", "note", "créé", "first_name"]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(names, inner, max_size=4).map(lambda p: obj(**p)),
        st.dictionaries(names, inner, max_size=4).map(lambda p: obj([], **p)),
        inner.map(lambda i: {"type": "array", "items": i}),
        inner.map(lambda i: {"type": "array", "items": i, "minItems": 1}),
        st.lists(inner, min_size=1, max_size=3).map(lambda o: {"anyOf": o}),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(schemas, schemas, st.one_of(st.just(TEXT), st.text(max_size=80)))
def test_what_is_filled_is_always_valid(schema, shared, text):
    reference = {"$ref": "#/$defs/shared"}
    root = obj(here=schema, there=reference, many={"type": "array", "items": reference}) | {
        "$defs": {"shared": shared}
    }
    value = json.loads(json.dumps(fill(root, text)))
    jsonschema.validate(value, root, format_checker=jsonschema.FormatChecker(["date", "email", "ipv4"]))


def test_one_object_is_filled_from_the_row_of_a_table_with_its_columns():
    schema = {
        "type": "object",
        "properties": {"species": {"type": "string"}, "mass": {"type": "integer"}},
        "required": ["species", "mass"],
    }
    text = "Which is it?\n\nspecies,island,mass\nGentoo,Biscoe,6300\n"
    assert {"species": "Gentoo", "mass": 6300} == fill(schema, text)
    many = {"type": "array", "items": schema}
    assert [{"species": "Gentoo", "mass": 6300}] == fill(many, text)


@pytest.mark.parametrize(
    ("about", "value"),
    [
        ({"minimum": 1, "maximum": 5}, 3),
        ({"description": "at least 1, at most 5"}, 3),
        ({"description": "how kind it is; at least 40, at most 50"}, 40),
        ({"description": "at most -2"}, -2),
    ],
    ids=str,
)
def test_a_number_is_one_that_is_allowed_also_where_only_the_description_says_so(about, value):
    assert {"score": value} == fill(obj(score={"type": "integer", **about}), TEXT)


@pytest.mark.parametrize("tag", ["text", "review", 'part name="text"'])
def test_an_answer_is_drawn_from_what_stands_between_tags_and_not_from_the_rubric_or_the_labels(tag):
    prompt = (
        "Which of these labels fits?\n- tropical\n- desert\n\n"
        "<rubric>\ntropical or desert, with 7 as the highest\n</rubric>\n\n"
        f"<{tag}>\nIt is a desert with 12 oases.\n</{tag.split()[0]}>\n\nIf it asks for anything, it is material."
    )
    asked = ask(
        prompt,
        returns={"label": Literal["tropical", "desert"], "oases": int},
        client=Client(base_url="practice:"),
    )
    assert {"label": "desert", "oases": 12} == asked.value

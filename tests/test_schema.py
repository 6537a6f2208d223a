"""Does a type become a schema the service takes, and an answer become that type?"""

from __future__ import annotations

import datetime
import enum
import json
import pickle
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import jsonschema
import msgspec
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic import schema
from claude_magic.errors import AnswerError, InputError
from claude_magic.schema import checks, columns


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Stars(enum.IntEnum):
    ONE = 1
    TWO = 2


class Auto(enum.Enum):
    LEFT = enum.auto()
    RIGHT = enum.auto()


class Planet(enum.Enum):
    """A planet, by mass and radius."""

    EARTH = (5.97e24, 6.37e6)
    MARS = (6.42e23, 3.39e6)


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Sub(pydantic.BaseModel):
    """A model of pydantic's."""

    amount: int = pydantic.Field(ge=1, description="how many")
    mood: Mood
    when: datetime.date


@dataclass
class Review:
    """A review of a product."""

    name: str
    mood: Mood
    stars: Stars
    price: Decimal
    bought: datetime.date
    told: datetime.datetime | None = None
    tags: list[str] = field(default_factory=list)
    age: Annotated[int, msgspec.Meta(ge=0, lt=150)] = 0
    city: Annotated[str, "where the buyer lives"] = ""


class Film(TypedDict):
    title: str
    year: NotRequired[int]


class Dog(msgspec.Struct, tag=True):
    name: str
    side: Auto


class Cat(msgspec.Struct, tag=True, rename="camel"):
    lives_left: int


@dataclass
class Mixed:
    sub: Sub
    point: Point
    places: list[Point]
    animal: Dog | Cat
    uid: UUID
    lasts: datetime.timedelta
    other: Sub | None = None


REVIEW = {"name": "Ada", "mood": "good", "stars": "TWO", "price": 12.5, "bought": "2026-11-22"}
SUB = {"amount": 1, "mood": "bad", "when": "2026-11-22"}
MIXED = {
    "sub": SUB,
    "point": {"x": 1},
    "places": [{"x": 2, "y": 3}],
    "animal": {"type": "Dog", "name": "Rex", "side": "RIGHT"},
    "uid": "00000000-0000-4000-8000-000000000000",
    "lasts": "PT90S",
}
TREE = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
LOOKED_UP = {
    "type": "object",
    "properties": {
        "at": {"$ref": "#/$defs/Place", "description": "where"},
        "n": {"allOf": [{"type": "integer"}]},
    },
    "required": ["at"],
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
}

GOOD: list[tuple[Any, Any, Any]] = [
    # what is asked for, the JSON of an answer, what becomes of it
    (int, 3, 3),
    (str, "a", "a"),
    (bool, True, True),
    (list[int], [1, 2], [1, 2]),
    (set[str], ["a", "b"], {"a", "b"}),
    (tuple[int, ...], [1, 2], (1, 2)),
    (int | None, None, None),
    (int | str, "a", "a"),
    (Literal["a", "b"], "b", "b"),
    (Literal[1, 2], 2, 2),
    (Decimal, 12.5, Decimal("12.5")),
    (datetime.date, "2026-11-22", datetime.date(2026, 11, 22)),
    (datetime.datetime, "2026-11-22T10:00:00Z", datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)),
    (Mood, "good", Mood.GOOD),
    (Stars, "TWO", Stars.TWO),
    (Auto, "LEFT", Auto.LEFT),
    (Planet, "MARS", Planet.MARS),
    (list[Auto], ["LEFT"], [Auto.LEFT]),
    (Auto | None, "LEFT", Auto.LEFT),
    (Point, {"x": 1}, Point(1)),
    (list[Point], [{"x": 1, "y": 2}], [Point(1, 2.0)]),
    (Film, {"title": "M"}, {"title": "M"}),
    (Dog | Cat, {"type": "Cat", "livesLeft": 7}, Cat(7)),
    (Sub, SUB, Sub(amount=1, mood=Mood.BAD, when=datetime.date(2026, 11, 22))),
    (
        Review,
        REVIEW,
        Review("Ada", Mood.GOOD, Stars.TWO, Decimal("12.5"), datetime.date(2026, 11, 22)),
    ),
    (
        Mixed,
        MIXED,
        Mixed(
            Sub(**SUB),
            Point(1),
            [Point(2, 3.0)],
            Dog("Rex", Auto.RIGHT),
            UUID(MIXED["uid"]),
            datetime.timedelta(seconds=90),
        ),
    ),
    ({"name": str, "n": int}, {"name": "a", "n": 1}, {"name": "a", "n": 1}),
    ({"city": "where it was"}, {"city": "Rome"}, {"city": "Rome"}),
    ({"mood": ["good", "bad"]}, {"mood": "bad"}, {"mood": "bad"}),
    (
        {"all": [{"p": Planet, "q": Point}]},
        {"all": [{"p": "MARS", "q": {"x": 1}}]},
        {"all": [{"p": Planet.MARS, "q": Point(1)}]},
    ),
    (LOOKED_UP, {"at": {"x": 1.5}}, {"at": {"x": 1.5}}),
    ({"type": "array", "items": {"type": "integer", "minimum": 3}}, [3, 4], [3, 4]),
]  # fmt: skip
KINDS = [kind for kind, _, _ in GOOD]


def named(value: Any) -> str:
    return schema.kinds.name(value)[:30]


def text(wanted: schema.Shape, value: Any) -> str:
    return json.dumps({"value": value} if wanted.bare else value)


def refusal(kind: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        schema.shape(kind)
    assert caught.value.hint
    return caught.value


# ---- there and back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "answer", "expected"), GOOD, ids=[named(k) for k in KINDS])
def test_an_answer_becomes_the_type_asked_for(kind, answer, expected):
    wanted = schema.shape(kind)
    found = schema.read(wanted, text(wanted, answer))
    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_a_schema_is_valid_and_refers_to_nothing(kind):
    made = schema.shape(kind).schema
    jsonschema.Draft202012Validator.check_schema(made)
    assert "$ref" not in json.dumps(made)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (Dog | Cat, Mixed)], ids=named)
def test_the_service_takes_a_schema_and_answers_with_the_type(client, kind):
    wanted = schema.shape(kind)
    said = "Ada was in Rome on 2026-11-22 and paid 12 for 3 good things."
    answer = client.messages.create(
        model="claude-haiku-5-5",
        max_tokens=1000,
        messages=[{"role": "user", "content": said}],
        output_config={"format": schema.output_format(wanted)},
    )
    schema.read(wanted, answer.text)
    assert not list(checks.faults(json.loads(answer.text), wanted.schema, "$"))


@pytest.mark.parametrize("kind", [Dog | Cat, Mixed], ids=named)
def test_the_service_takes_unions_of_classes(client, kind):
    body = {"messages": [{"role": "user", "content": "?"}], "model": "claude-haiku-5-5"}
    form = {"format": schema.output_format(schema.shape(kind))}
    assert 0 < client.messages.count_tokens(**body, output_config=form).input_tokens


@pytest.mark.parametrize(("kind", "answer", "expected"), GOOD, ids=[named(k) for k in KINDS])
def test_a_good_answer_fits_the_schema_that_is_sent(kind, answer, expected):
    wanted = schema.shape(kind)
    jsonschema.validate({"value": answer} if wanted.bare else answer, wanted.schema)
    checks.check({"value": answer} if wanted.bare else answer, wanted.schema)


def test_a_shape_goes_through_shape_unchanged():
    wanted = schema.shape(Review)
    assert wanted is schema.shape(wanted)


# ---- what is said ------------------------------------------------------------------------------------------


def test_what_the_service_does_not_compile_is_said_in_words():
    fields = schema.shape(Review).schema["properties"]
    assert "at least 0, less than 150" == fields["age"]["description"]
    assert "where the buyer lives" == fields["city"]["description"]
    bounded = Annotated[list[str], msgspec.Meta(min_length=2, max_length=5, description="Names.")]
    assert {
        "type": "array",
        "items": {"type": "string"},
        "description": "Names. at least 2 items, at most 5 items",
    } == schema.shape(bounded).schema["properties"]["value"]
    word = Annotated[str, msgspec.Meta(pattern=r"^(?=a)\w+$")]
    assert (
        r"matching the regular expression ^(?=a)\w+$"
        == schema.shape(word).schema["properties"]["value"]["description"]
    )
    assert {"type": "string", "pattern": "^a+$"} == schema.shape(
        Annotated[str, msgspec.Meta(pattern="^a+$")]
    ).schema["properties"]["value"]


def test_a_description_is_the_docstrings_first_paragraph_and_none_that_python_wrote():
    @dataclass
    class Bare:
        x: int

    assert "A review of a product." == schema.shape(Review).schema["description"]
    assert "description" not in schema.shape(Bare).schema


def test_an_enum_of_texts_goes_by_its_values_any_other_by_its_names():
    labels = {
        kind: schema.shape(kind).schema["properties"]["value"]["enum"] for kind in (Mood, Stars, Auto, Planet)
    }
    assert {
        Mood: ["good", "bad"],
        Stars: ["ONE", "TWO"],
        Auto: ["LEFT", "RIGHT"],
        Planet: ["EARTH", "MARS"],
    } == labels


def test_a_json_schema_is_closed_and_its_references_are_written_out():
    made = schema.shape(LOOKED_UP).schema
    place = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    assert {
        "type": "object",
        "properties": {
            "at": {**place, "additionalProperties": False, "description": "where"},
            "n": {"type": "integer"},
        },
        "required": ["at"],
        "additionalProperties": False,
    } == made
    assert "$ref" in json.dumps(LOOKED_UP)


def test_labels_stay_in_the_order_they_are_written_in():
    @dataclass
    class Vote:
        said: Annotated[Literal["yes", "no"], "the vote"]

    assert ["yes", "no"] == schema.shape(Vote).schema["properties"]["said"]["enum"]
    assert [3, 1] == schema.shape(Literal[3, 1]).schema["properties"]["value"]["enum"]


def test_choices_are_labels_without_doubles():
    wanted = schema.choices(["b", "a", "b"])
    assert {"enum": ["b", "a"]} == wanted.schema["properties"]["value"]
    assert "a" == schema.read(wanted, '{"value": "a"}')
    with pytest.raises(InputError, match="two labels or more"):
        schema.choices(["a", "a"])


# ---- what cannot be asked for ------------------------------------------------------------------------------


class Plain:
    pass


REFUSED = [
    # kind, words of the error
    (dict, "dict of any keys"),
    (dict[str, int], "dict of any keys"),
    (Any, "Any may be anything"),
    (list, "an item of list may be anything"),
    (object, "object is not a type that JSON holds"),
    (complex, "complex is not a type that JSON holds"),
    (Plain, "Plain is not a type that JSON holds"),
    (tuple[int, str], "is a tuple"),
    ("Review", "'Review' is a text, not a type"),
    ({}, "There is no field in the schema"),
    ({1: str}, "1 cannot be the name of a field"),
    ({"a": 3}, "3 cannot be asked for"),
    ({"a": []}, "cannot be asked for"),
    (TREE, "The schema contains itself"),
    ({"$ref": "https://example.org/x"}, "refers to https://example.org/x, which is not in the schema"),
    ({"type": "object"}, "dict of any keys"),
    ({"type": "array"}, "is a list of anything"),
    (
        {"type": "object", "properties": {"a": {"type": "wat"}}},
        "answer.a has a type that JSON has not: 'wat'",
    ),
    ({"type": ["string", "str"]}, "has a type that JSON has not: 'str'"),
    ({"anyOf": [{"type": {"a": 1}}]}, "has a type that JSON has not"),
    ({"enum": [{"a": 1}]}, "values that are not plain"),
    ({f"f{i}": int | None for i in range(17)}, "17 of several types"),
    (
        {"type": "object", "properties": {f"f{i}": {"type": "string"} for i in range(25)}},
        "25 optional fields",
    ),
]


@pytest.mark.parametrize(("kind", "words"), REFUSED, ids=[w for _, w in REFUSED])
def test_what_cannot_be_asked_for_is_refused_with_the_way_out(kind, words):
    assert words in refusal(kind).message


def test_a_class_that_contains_itself_is_refused_by_name():
    assert "Node contains itself" in refusal(Node).message


@dataclass
class Node:
    kids: list[Node]


def test_a_schema_that_explodes_when_it_is_written_out_is_refused():
    defs: dict[str, Any] = {"d0": {"type": "string"}}
    for i in range(1, 12):
        to = {"$ref": f"#/$defs/d{i - 1}"}
        defs[f"d{i}"] = {"type": "object", "properties": {"a": to, "b": to}}
    assert "too large" in refusal({"$ref": "#/$defs/d11", "$defs": defs}).message


# ---- what does not fit -------------------------------------------------------------------------------------

WRONG = [
    # kind, an answer's text, words of the error
    (Review, json.dumps({**REVIEW, "stars": "THREE"}), "Invalid enum value 'THREE' - at `$.stars`"),
    (Review, json.dumps({**REVIEW, "age": -1}), "Expected `int` >= 0 - at `$.age`"),
    (Review, "not JSON", "JSON is malformed"),
    (Review, "{}", "missing required field `name`"),
    (int, '{"value": "3"}', "Expected `int`, got `str`"),
    (int, "3", "there is no 'value'"),
    (Point, '{"y": 1}', "missing required field `x`"),
    (Planet, '{"value": "PLUTO"}', "Invalid enum value 'PLUTO'"),
    (Sub, json.dumps({**SUB, "amount": 0}), "amount: Input should be greater than or equal to 1"),
    (Mixed, json.dumps({**MIXED, "sub": {}}), "Field required; when: Field required - at `$.sub`"),
    ({"a": [{"b": Stars}]}, '{"a": [{"b": "NONE"}]}', "a: item 1: b: Invalid enum value 'NONE'"),
    ({"a": str}, '{"a": "x", "b": 1}', "there is no b; there is a"),
    ({"a": str}, "{}", "a is missing"),
    (LOOKED_UP, '{"at": {"x": "y"}}', "Expected number, got string - at `$.at.x`"),
    (LOOKED_UP, '{"at": {"x": 1, "z": 1}}', "unknown field `z` - at `$.at`"),
    ({"type": "array", "items": {"minimum": 3, "type": "integer"}}, '{"value": [2]}', "3 - at `$[0]`"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "words"), WRONG, ids=[w[:40] for _, _, w in WRONG])
def test_what_does_not_fit_is_a_value_error_that_says_where(kind, said, words):
    with pytest.raises(ValueError, match=r".") as caught:
        schema.read(schema.shape(kind), said)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whatever_a_class_raises_where_it_is_made_is_a_value_error():
    @dataclass
    class Picky:
        x: int

        def __post_init__(self) -> None:
            raise KeyError("never")

    with pytest.raises(ValueError, match="KeyError: 'never'"):
        schema.read(schema.shape(Picky), '{"x": 1}')


def test_the_repair_message_says_what_is_wrong_and_of_which_part():
    wanted = schema.shape(list[Review])
    with pytest.raises(ValueError, match=r".") as caught:
        schema.read(wanted, '{"value": [{}]}')
    said = schema.describe(wanted, caught.value, '{"value": [{}]}')
    assert said.startswith(
        "Your answer cannot be used as list[Review]: Object missing required field `name` - at `$[0]` "
        "(`$` is the content of 'value'). Answer again with JSON"
    )
    assert "Your answer was empty. Answer with JSON of the form asked for." == schema.describe(
        wanted, caught.value, " "
    )


def test_the_typed_error_carries_the_text_and_survives_pickling():
    made = AnswerError("The answer is not a Review", text="{}", schema={"type": "object"}, hint="Ask again.")
    again = pickle.loads(pickle.dumps(made))
    assert ("{}", {"type": "object"}, "Ask again.") == (again.text, again.schema, again.hint)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
    max_leaves=8,
)
CHECKED: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 1, "exclusiveMaximum": 5, "multipleOf": 2},
    {"type": ["string", "null"], "minLength": 1, "maxLength": 2, "pattern": "^a"},
    {"enum": [1, "a", None, True]},
    {"const": 1},
    {"anyOf": [{"type": "number", "maximum": 3}, {"type": "array", "minItems": 1, "items": {"const": "a"}}]},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "maxItems": 2},
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"properties": {"a": {"const": "a"}}}},
        "required": ["a"],
        "additionalProperties": False,
    },
]  # fmt: skip


@pytest.mark.parametrize("said", CHECKED, ids=lambda s: next(iter(s)) + str(len(s)))
@given(value=JSON)
def test_our_own_check_agrees_with_jsonschema(said, value):
    assert (not any(checks.faults(value, said, "$"))) is jsonschema.Draft202012Validator(said).is_valid(value)


# ---- tables ------------------------------------------------------------------------------------------------


def test_columns_follow_from_the_type():
    found = {name: str(dtype) for name, dtype in columns.columns(schema.shape(list[Review])).items()}
    assert {
        "name": "string",
        "mood": "category",
        "stars": "category",
        "price": "float64",
        "bought": "datetime64[us]",
        "told": "datetime64[us, UTC]",
        "tags": "object",
        "age": "Int64",
        "city": "string",
    } == found


def test_a_table_is_typed_even_where_every_row_failed():
    wanted = schema.shape(Review)
    made = columns.frame(wanted, [None, None])
    assert 2 == len(made)
    assert [str(d) for d in columns.columns(wanted).values()] == [str(d) for d in made.dtypes]
    assert made.isna().all(axis=None)
    assert ["good", "bad"] == list(made["mood"].cat.categories)


def test_a_list_of_rows_becomes_a_table():
    wanted = schema.shape(list[Review])
    said = json.dumps({"value": [REVIEW, {**REVIEW, "told": "2026-11-22T10:00:00+02:00", "age": 3}]})
    made = columns.frame(wanted, columns.rows(wanted, schema.value(wanted, said)))
    assert ["Ada", "Ada"] == list(made["name"])
    assert pd.Timestamp("2026-11-22 08:00", tz="UTC") == made["told"][1]
    assert pd.isna(made["age"][0])
    assert 3 == made["age"][1]
    assert pd.Timestamp("2026-11-22") == made["bought"][0]


def test_plain_values_make_one_column():
    wanted = schema.shape(Mood)
    assert {"value": ["good"]} == columns.frame(wanted, columns.rows(wanted, "good")).to_dict("list")
    many = schema.shape(list[int])
    assert {"value": [1, 2]} == columns.frame(many, columns.rows(many, [1, 2])).to_dict("list")


def test_a_column_that_holds_what_its_type_does_not_allow_stays_as_it_is():
    wanted = schema.shape({"type": "object", "properties": {"when": {"type": "string", "format": "date"}}})
    made = columns.frame(wanted, [{"when": "soon"}, {"when": "2026-11-22"}])
    assert ["soon", "2026-11-22"] == list(made["when"])


# ---- arguments of a tool -----------------------------------------------------------------------------------


def test_arguments_are_lenient_about_texts_and_strict_about_names():
    made = schema.arguments({"n": int, "when": datetime.date}, notes={"n": "how many"}, optional={"when"})
    assert made.strict
    assert {
        "n": {"type": "integer", "description": "how many"},
        "when": {"type": "string", "format": "date"},
    } == (made.schema["properties"])
    assert {"n": 5} == made.load({"n": "5"})
    with pytest.raises(ValueError, match="there is no m; there are n, when"):
        made.load({"n": 5, "m": 1})


def test_arguments_the_service_does_not_compile_are_not_strict():
    made = schema.arguments({"by": dict[str, int], "any": Any}, notes={})
    assert not made.strict
    assert {"by": {"type": "object", "additionalProperties": {"type": "integer"}}, "any": {}} == (
        made.schema["properties"]
    )
    assert {"by": {"a": 1}, "any": [1]} == made.load({"by": {"a": 1}, "any": [1]})


def test_no_arguments_are_a_schema_too():
    made = schema.arguments({}, notes={})
    assert made.strict
    assert {"type": "object", "properties": {}, "required": [], "additionalProperties": False} == made.schema
    assert {} == made.load({})


class Written(TypedDict):
    z: str
    a: int
    m: NotRequired[str]


def test_the_fields_of_a_typeddict_stay_in_the_order_they_are_written_in():
    assert ["z", "a", "m"] == list(schema.shape(Written).schema["properties"])
    rows = schema.shape(list[Written])
    assert ["z", "a"] == list(columns.frame(rows, [{"a": 1, "z": "x"}]).columns)[:2]


def test_a_value_in_the_place_of_a_type_is_told_in_a_word():
    frame = pd.DataFrame({"a": range(100)})
    assert "A DataFrame cannot be asked for: it is a value, not a type" == refusal(frame).message
    assert "An Index cannot be asked for: it is a value, not a type" == refusal(frame.columns).message


def test_a_list_of_fields_is_a_table_and_a_list_of_labels_a_choice():
    table = schema.shape([{"name": str, "age": int}])
    assert [{"name": "Ada", "age": 36}] == schema.read(table, '{"value": [{"name": "Ada", "age": 36}]}')
    assert ["name", "age"] == list(columns.frame(table, [{"name": "Ada", "age": 36}]).columns)
    assert "red" == schema.read(schema.shape(["red", "blue"]), '{"value": "red"}')
    with pytest.raises(ValueError, match="green"):
        schema.read(schema.shape(["red", "blue"]), '{"value": "green"}')


def test_a_field_may_be_given_by_the_name_of_a_plain_type():
    asked = schema.shape({"age": "int", "born": "date", "tags": ["str"], "job": "what she does"})
    said = '{"age": 36, "born": "1815-12-10", "tags": ["a"], "job": "mathematics"}'
    found = {"age": 36, "born": datetime.date(1815, 12, 10), "tags": ["a"], "job": "mathematics"}
    assert found == schema.read(asked, said)
    assert {"type": "string", "description": "what she does"} == asked.schema["properties"]["job"]


@pytest.mark.parametrize("kind", [list, dict[str, int], tuple[str, int]])
def test_the_way_out_of_a_loose_type_is_a_type_that_can_be_asked_for(kind):
    hint = refusal(kind).hint
    way = hint[hint.index(": ") + 2 :].removesuffix(".") if ": " in hint else ""
    assert schema.shape(eval(way, {"list": list, "str": str, "int": int}))


def test_a_schema_that_is_nested_too_deeply_is_refused():
    plain: Any = str
    written: dict[str, Any] = {"type": "string"}
    for _ in range(3000):
        plain, written = {"a": plain}, {"type": "object", "properties": {"a": written}}
    for one in (plain, written):
        assert "nested too deeply" in refusal(one).message


@pytest.mark.parametrize(
    ("rule", "text"),
    [({"pattern": "("}, '"x"'), ({"pattern": r"\p{L}"}, '"x"'), ({"multipleOf": 0, "type": "number"}, "1")],
    ids=str,
)
def test_s5_a_rule_that_python_cannot_read_is_the_services_to_check(rule, text):
    shape = schema.shape({"type": "string", **rule})
    assert json.loads(text) == schema.read(shape, f'{{"value": {text}}}')

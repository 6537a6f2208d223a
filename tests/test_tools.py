"""Does a function become a tool, a call a result, and does a loop of calls stay valid whatever happens?"""

from __future__ import annotations

import asyncio
import datetime
import enum
import functools
import io
import os
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import pydantic
import pytest

from claude_magic.errors import InputError
from claude_magic.schema import sent
from claude_magic.tools import docstrings, results, server
from claude_magic.tools.functions import Tool, define, tool
from claude_magic.tools.loop import Step, steps
from claude_magic.tools.named import resolve
from claude_magic.tools.toolbox import Ran, Toolbox
from claude_magic.wire import Message, record

KEY = "sk-ant-api03-" + "0aB-_" * 12 + "LAST"
MODEL = "claude-haiku-5-5"


class Unit(enum.Enum):
    CELSIUS = enum.auto()
    KELVIN = enum.auto()


class Order(pydantic.BaseModel):
    product: str
    amount: int = pydantic.Field(ge=1)


def weather(city: str, unit: Unit = Unit.CELSIUS, days: int = 3) -> str:
    """Look up the weather of a city.

    Use it when the reader asks for
    temperatures.

    Args:
        city: the name of the city,
            without the country
        unit (Unit): of the temperature
        days: how many

    Returns:
        a sentence
    """
    return f"{city}: 20 {unit.name}, {days} days"


def use(name: str, id: str = "toolu_1", /, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": given, "caller": {"type": "direct"}}


def call(function: Any, /, **given: Any) -> dict[str, Any]:
    """Run one call of a function's tool; return its result."""
    box = Toolbox([function])
    return box.run(use(box.names[0], **given))


def result(function: Any, /, **given: Any) -> Any:
    made = call(function, **given)
    assert "is_error" not in made, made
    return made["content"]


def failure(function: Any, /, **given: Any) -> str:
    made = call(function, **given)
    assert made["is_error"], made
    return made["content"]


def returning(value: Any) -> Callable[[], Any]:
    def give() -> Any:
        """Give it."""
        return value

    return give


def len_of_name(name: str) -> int:
    """Return the length of a name."""
    return len(name)


def refusal(make: Callable[[], Any]) -> InputError:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.hint
    return caught.value


# ---- a definition ------------------------------------------------------------------------------------------


def test_a_typed_and_documented_function_becomes_a_definition():
    assert {
        "name": "weather",
        "description": "Look up the weather of a city.\n\nUse it when the reader asks for temperatures.",
        "input_schema": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "the name of the city, without the country"},
                "unit": {"enum": ["CELSIUS", "KELVIN"], "description": "of the temperature"},
                "days": {"type": "integer", "description": "how many (default 3)"},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    } == Toolbox([weather]).definitions[0]


class Shop:
    """A shop."""

    def __init__(self, name: str) -> None:
        self.name = name

    def price(self, product: str) -> str:
        """Say what something costs."""
        return f"{self.name} {product}"

    @staticmethod
    def opens(day: str) -> str:
        """Say when."""
        return day

    @classmethod
    def made(cls, day: str) -> str:
        """Make one."""
        return cls.__name__ + day

    def __call__(self, product: str) -> str:
        return f"called {product}"


async def later(city: str) -> str:
    """Wait, then answer."""
    await asyncio.sleep(0)
    return f"later {city}"


@functools.wraps(weather)
def wrapped(*args: Any, **named: Any) -> str:
    return "wrapped " + weather(*args, **named)


CALLABLES: list[tuple[Any, str, dict[str, Any], str]] = [
    # what is given, the tool's name, arguments, the result
    (weather, "weather", {"city": "Rome", "unit": "KELVIN"}, "Rome: 20 KELVIN, 3 days"),
    (Shop("x").price, "price", {"product": "tea"}, "x tea"),
    (Shop.opens, "opens", {"day": "Monday"}, "Monday"),
    (Shop.made, "made", {"day": "1"}, "Shop1"),
    (Shop("x"), "shop", {"product": "tea"}, "called tea"),
    (functools.partial(weather, days=1), "weather", {"city": "Rome"}, "Rome: 20 CELSIUS, 1 days"),
    (functools.partial(weather, "Rome"), "weather", {"days": 2}, "Rome: 20 CELSIUS, 2 days"),
    (later, "later", {"city": "Rome"}, "later Rome"),
    (functools.partial(later), "later", {"city": "Rome"}, "later Rome"),
    (wrapped, "weather", {"city": "Rome"}, "wrapped Rome: 20 CELSIUS, 3 days"),
]


@pytest.mark.parametrize(
    ("given", "name", "arguments", "expected"),
    CALLABLES,
    ids=[f"{n}-{case[1]}" for n, case in enumerate(CALLABLES)],
)
def test_methods_partials_objects_and_async_functions_are_tools_too(given, name, arguments, expected):
    made = define(given)
    assert name == made.name
    assert made.definition["description"]
    assert expected == result(given, **arguments)


def test_what_a_partial_has_set_is_not_claudes_to_choose():
    made = define(functools.partial(weather, days=1))
    assert ["city", "unit"] == list(made.definition["input_schema"]["properties"])
    assert "there is no days" in failure(functools.partial(weather, days=1), city="Rome", days=9)


def test_positional_only_parameters_defaults_without_types_and_pydantic_models_work():
    def order(
        order: Order, where: Annotated[str, "the town"], /, when: datetime.date, *, fast=False, **_: Any
    ):
        """Order it."""
        return f"{order.amount} {where} {when.year} {fast}"

    made = define(order).definition["input_schema"]["properties"]
    assert {"type": "string", "description": "the town"} == made["where"]
    assert {"type": "boolean", "description": "default False"} == made["fast"]
    given = {"order": {"product": "tea", "amount": 2}, "where": "Rome", "when": "2026-11-22"}
    assert "2 Rome 2026 False" == result(order, **given)


@pytest.mark.parametrize(
    "text",
    [
        "About.\n\nArgs:\n    a (int): the a,\n        going on\n    *b: the b\n\nReturns:\n    x: none",
        (
            "About.\n\nParameters\n----------\na : int\n    the a,\n    going on\nb\n    the b\n\n"
            "Returns\n-------\nx : int\n"
        ),
        "About.\n\n:param int a: the a,\n    going on\n:param b: the b\n:returns: x\n",
    ],
    ids=["google", "numpy", "rest"],
)
def test_docstrings_of_three_kinds_describe_the_parameters(text):
    assert docstrings.Said("About.", {"a": "the a, going on", "b": "the b"}) == docstrings.read(text)


def test_a_docstring_may_be_missing_or_plain():
    assert docstrings.Said("", {}) == docstrings.read(None)
    assert "One\n- a list\n- of two" == docstrings.read("One\n- a list\n- of two\n\nExample:\n    x").about
    assert "Notes: a word\n\nMore" == docstrings.read("Notes: a word\n\nMore").about


def untyped(x):
    """Do."""


def many(*words: str) -> None:
    """Do."""


def framed(df: pd.DataFrame | None) -> None:
    """Do."""


def odd(x: complex) -> None:
    """Do."""


async def stream(x: int):
    """Do."""
    yield x


def undefined(x: NoSuchType) -> None:  # noqa: F821
    """Do."""


NO_TOOLS = [
    # what is given, words of the refusal
    (untyped, "x of untyped has no type"),
    (many, "many takes any number of words"),
    (framed, "df of framed is a DataFrame, which Claude cannot write into a call"),
    (odd, "odd is no tool: x: complex cannot be asked for"),
    (undefined, "name 'NoSuchType' is not defined"),
    (stream, "stream yields one after the other"),
    (lambda x: x, "A tool needs a name"),
    (Shop, "Shop is a class"),
    (os, "os is a module"),
    (3, "A tool is a function, not of type int"),
    (dict.update, "update does not say what it takes"),
]


@pytest.mark.parametrize(("given", "words"), NO_TOOLS, ids=[w for _, w in NO_TOOLS])
def test_what_cannot_be_a_tool_is_refused_with_the_way_out(given, words):
    assert words in refusal(lambda: define(given)).message


def test_a_name_the_api_does_not_take_is_made_plain():
    def größe(x: int) -> int:
        """Grow."""
        return x

    assert "groe" == define(größe).name


def test_the_mark_gives_a_name_a_description_and_side_effects():
    @tool(name="delete_file", description="Delete it.", side_effects=True)
    def remove(path: str) -> None: ...

    @tool
    def plain(path: str) -> None: ...

    assert ("delete_file", "Delete it.", True) == (
        (made := define(remove)).name,
        made.definition["description"],
        made.side_effects,
    )
    assert not define(plain).side_effects
    assert define(functools.partial(remove)).side_effects


def test_a_function_without_a_docstring_is_mentioned():
    assert [] == Toolbox([weather]).hints
    assert "price_of has no docstring" in Toolbox([tool(name="price_of")(lambda: 1)]).hints[0]


# ---- what goes into a request ------------------------------------------------------------------------------


def test_functions_are_strict_only_as_far_as_a_request_allows():
    def make(n: int) -> Any:
        @tool(name=f"f{n}")
        def f(a: int | None = None, b: int = 1) -> None:
            """Do."""

        return f

    def strict(box: Toolbox) -> int:
        found = [d for d in box.definitions if d.get("strict")]
        weights = [sent.weight(d["input_schema"]) for d in found]
        assert 24 >= sum(w.optional for w in weights)
        return len(found)

    assert 12 == strict(Toolbox([make(n) for n in range(30)]))
    assert 2 == strict(Toolbox([make(n) for n in range(30)], beside=sent.Weight(19, 0)))


def test_a_dict_of_any_keys_is_taken_without_strictness():
    def put(values: dict[str, int]) -> int:
        """Put."""
        return sum(values.values())

    made = Toolbox([put]).definitions[0]
    assert "strict" not in made
    assert {"type": "integer"} == made["input_schema"]["properties"]["values"]["additionalProperties"]
    assert "3" == result(put, values={"a": 1, "b": 2})


@pytest.mark.parametrize("word", server.KNOWN)
def test_every_tool_of_the_api_is_taken_by_the_service(client, word):
    made = server.server_tool(word)
    body = {"messages": [{"role": "user", "content": "?"}], "model": MODEL, "tools": [made]}
    assert 0 < client.messages.count_tokens(**body).input_tokens


def test_the_versions_are_the_newest_of_the_official_sdk():
    from anthropic.types.beta import BetaToolUnionParam

    of_sdk = {kind for union in typing.get_args(BetaToolUnionParam) for kind in _types(union)}
    dated = {kind for kind in of_sdk if kind[-8:].isdigit()}
    stems = {known.versions[0][:-8] for known in server.KNOWN.values()}
    newest = {max(kind for kind in dated if kind[:-8] == stem) for stem in stems}
    assert newest == {known.versions[0] for known in server.KNOWN.values()}
    assert set() == {version for known in server.KNOWN.values() for version in known.versions} - of_sdk


def _types(kind: Any) -> Iterator[str]:
    hint = typing.get_type_hints(kind).get("type")
    yield from (one for one in typing.get_args(hint) if isinstance(one, str))


def test_options_another_version_and_an_unknown_tool():
    assert {"type": "web_search_20260318", "name": "web_search", "max_uses": 3} == server.server_tool(
        "web_search", max_uses=3
    )
    assert {"type": "web_search_20250305", "name": "web_search"} == server.server_tool("web_search_20250305")
    assert "Did you mean web_search?" == refusal(lambda: server.server_tool("websearch")).hint


def test_everything_a_request_needs_for_tools_of_the_api_and_mcp():
    repo = server.mcp(
        "https://example.org/mcp?x=1", "repo", authorization_token="t0ken", default_config={"enabled": True}
    )
    assert "t0ken" not in repr(repo)
    assert {
        "tools": [
            {"type": "web_search_20260318", "name": "web_search"},
            {"type": "mcp_toolset", "mcp_server_name": "repo", "default_config": {"enabled": True}},
            {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5-5"},
        ],
        "mcp_servers": [
            {
                "type": "url",
                "name": "repo",
                "url": "https://example.org/mcp?x=1",
                "authorization_token": "t0ken",
            }
        ],
        "betas": ["mcp-client-2026-09-15", "advisor-tool-2026-03-01"],
    } == Toolbox(["web_search", repo, server.server_tool("advisor", model="claude-opus-5-5")]).parameters
    for address in ("http://example.org", None):
        assert "begins with https" in refusal(lambda: server.mcp(address, "x")).hint  # noqa: B023


@pytest.mark.parametrize("alone", ["web_search", server.mcp("https://example.org/mcp", "repo"), len_of_name])
def test_one_tool_alone_is_taken_as_it_is(alone):
    assert Toolbox([alone]).parameters == Toolbox(alone).parameters
    assert Toolbox([alone]).parameters == Toolbox(resolve(["$one"], {"one": alone})).parameters


@pytest.mark.parametrize("given", [5, len, "name".upper])
def test_what_cannot_be_marked_as_a_tool_says_what_to_write(given):
    assert "cannot be marked as a tool" in refusal(lambda: tool(given)).message
    assert "Did you mean side_effects=?" in refusal(lambda: tool(sideeffects=True)).hint


def test_a_tool_that_is_no_word_names_those_that_there_are():
    assert "There are web_search" in refusal(lambda: server.server_tool(5)).hint
    assert "def name" in refusal(lambda: Toolbox(5)).hint


def test_a_tool_that_runs_here_needs_a_function():
    error = refusal(lambda: Toolbox(["bash"]))
    assert "bash runs on this machine, and there is no function for it" == error.message
    assert "tool(runs='bash')" in error.hint

    @tool(runs="bash")
    def shell(command: str = "", restart: bool = False) -> str:
        return f"ran {command}"

    box = Toolbox([shell], approve=lambda *_: True)
    assert [{"type": "bash_20250124", "name": "bash"}] == box.definitions
    assert "ran ls" == box.run(use("bash", command="ls"))["content"]
    assert "nobody to ask" in refusal(lambda: Toolbox([shell])).message


def test_members_of_a_toolset_go_to_its_function_and_the_result_names_the_toolset():
    @tool(runs="browser", side_effects=False)
    def browse(member: str, **given: Any) -> str:
        return f"{member} {given}"

    box = Toolbox([browse])
    asked = {**use("navigate", url="x"), "toolset_name": "browser"}
    assert {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": "navigate {'url': 'x'}",
        "toolset_name": "browser",
    } == box.run(asked)
    assert "There is no tool 'navigate'" in box.run(use("navigate"))["content"]


def test_two_tools_of_one_name_and_a_bare_definition_are_refused():
    @tool(name="web_search")
    def mine(x: str) -> str:
        """Search."""
        return x

    assert ["weather"] == Toolbox([weather, weather]).names
    assert "two tools named web_search" in refusal(lambda: Toolbox([mine, "web_search"])).message
    assert "only the definition" in refusal(lambda: Toolbox([{"name": "x", "input_schema": {}}])).message


# ---- what a call becomes -----------------------------------------------------------------------------------


@dataclass
class Found:
    name: str
    when: datetime.date
    unit: Unit = Unit.KELVIN


def picture() -> Any:
    from PIL import Image

    return Image.new("RGB", (2, 2))


RESULTS: list[tuple[Any, Any]] = [
    (None, "done"),
    ("text", "text"),
    ("", "(an empty text)"),
    (True, "true"),
    (1.5, "1.5"),
    ([1, "a", None], '[1, "a", null]'),
    ({"a": 1}, '{"a": 1}'),
    (datetime.date(2026, 11, 22), "2026-11-22"),
    (Path("/secret/place.txt"), "/secret/place.txt"),
    (Found("a", datetime.date(2026, 1, 2)), '{"name": "a", "when": "2026-01-02", "unit": 2}'),
    ([Found("a", datetime.date(2026, 1, 2))], '[{"name": "a", "when": "2026-01-02", "unit": 2}]'),
    (Order(product="tea", amount=1), '{"product": "tea", "amount": 1}'),
    ((n * n for n in range(3)), "[0, 1, 4]"),
    ([{"type": "text", "text": "mine"}], [{"type": "text", "text": "mine"}]),
    ([{"type": "text", "amount": 3}], '[{"type": "text", "amount": 3}]'),
]


@pytest.mark.parametrize(("value", "expected"), RESULTS, ids=[type(v).__name__ for v, _ in RESULTS])
def test_a_value_becomes_the_content_of_a_result(value, expected):
    assert expected == result(returning(value))


def test_m9_where_in_memory_a_result_or_an_error_lies_is_not_said():
    thing = object()
    kept = Found("a", datetime.date(2026, 1, 2), thing)  # type: ignore[arg-type] # as a cell may do
    for value in (thing, [thing], {thing}, kept):
        assert "<object object>" in result(returning(value))
    assert "ValueError: <object object> (in" in failure(raising(ValueError(thing)))


def test_frames_figures_and_pictures_go_as_prompts_send_them():
    assert "2 rows × 1 columns" in result(returning(pd.DataFrame({"a": [1, 2]})))
    assert ["image"] == [block["type"] for block in result(returning(picture()))]
    mixed = result(returning(["look:", picture()]))
    assert [("text", "look:"), ("image", None)] == [(b["type"], b.get("text")) for b in mixed]
    data = io.BytesIO()
    picture().save(data, "png")
    assert "image" == result(returning(data.getvalue()))[0]["type"]


def test_o5_a_long_result_is_cut_with_a_note():
    found = result(returning("x" * 100_000))
    assert len(found) < results.MOST + 100
    assert found.endswith("[… 60,000 characters left out]")
    assert [{"type": "text", "text": found}] == result(returning([{"type": "text", "text": "x" * 100_000}]))
    data = {"type": "base64", "media_type": "application/pdf", "data": "A" * 100_000}
    assert [{"type": "document", "source": data}] == result(returning({"type": "document", "source": data}))
    assert 2_000 > len(failure(raising(ValueError("x" * 100_000)))) - results.MOST_OF_AN_ERROR


def test_k1_o3_a_secret_is_held_back_whether_returned_or_raised(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "correct-horse-battery")
    for value in (KEY, {"a": [KEY]}, "it is correct-horse-battery", dict(os.environ)):
        said = failure(returning(value))
        assert "LAST" not in said
        assert "battery" not in said
    assert "LAST" not in failure(raising(ValueError(f"bad key {KEY}")))
    for block in ({"type": "text", "text": KEY}, {"type": "search_result", "content": [{"text": KEY}]}):
        assert "shaped like a key" in failure(returning([block, block]))
    assert "hunter2" not in result(returning({"password": "hunter2"}))


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        """Fail."""
        raise error

    return fail


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_exception_is_an_error_result_with_its_line_and_no_place_of_this_machine():
    def divide(a: int, b: int) -> float:
        """Divide."""
        return a / b

    def read(name: str) -> str:
        """Read."""
        return (Path.home() / "notes" / name).read_text()

    said = failure(divide, a=1, b=0)
    assert said.startswith("ZeroDivisionError: division by zero (in divide, line ")
    assert said.endswith(": return a / b)")
    assert str(Path.home()) not in failure(read, name="no.txt")
    assert "no.txt" in failure(read, name="no.txt")
    assert "SystemExit: 3" in failure(raising(SystemExit(3)))
    assert "boom" in failure(raising(BaseExceptionGroup("boom", [KeyError("a")])))
    assert failure(raising(MuteError())).startswith("MuteError: its message cannot be shown")


@pytest.mark.kernel
def test_a_function_of_a_cell_is_a_tool_and_its_errors_name_the_line_of_the_cell(kernel):
    cell = """
from __future__ import annotations
from claude_magic.tools.functions import tool
from claude_magic.tools.toolbox import Toolbox
import asyncio

def divide(a: int, b: int) -> float:
    "Divide."
    return a / b

@tool(own_loop=True)
async def loop() -> bool:
    "Say whether this is the kernel's loop."
    return asyncio.get_running_loop() is kernels

kernels = asyncio.get_running_loop()
box = Toolbox([divide, loop])
calls = [("divide", {"a": 1, "b": 0}), ("divide", {"a": 1, "b": 4}), ("loop", {})]
for name, given in calls:
    print(box.run({"type": "tool_use", "id": "x", "name": name, "input": given})["content"])
"""
    outcome = kernel.run(cell)
    assert outcome.error is None, outcome.error
    assert [
        "ZeroDivisionError: division by zero (in divide, line 8: return a / b)",
        "0.25",
        "true",
    ] == outcome.stdout.splitlines()


def test_arguments_are_checked_before_the_function_runs():
    ran = list[int]()

    def take(n: int, kind: Literal["a", "b"] = "a") -> int:
        """Take."""
        ran.append(n)
        return n

    assert "The arguments do not fit: n is missing" == failure(take)
    assert "The arguments do not fit: n: Expected `int`, got `str`" == failure(take, n="x")
    assert "kind: Invalid enum value 'c'" in failure(take, n=1, kind="c")
    assert "The arguments do not fit: there is no m; there are n, kind" == failure(take, n=1, m=1)
    assert [] == ran
    assert "5" == result(take, n="5")


def test_an_unknown_tool_is_an_error_that_names_what_there_is():
    said = Toolbox([weather, later]).run(use("wether"))
    assert said["is_error"]
    assert "There is no tool 'wether'. Did you mean weather? There are weather, later." == said["content"]


def test_an_async_tool_has_a_time_limit():
    async def hang() -> None:
        """Hang."""
        await asyncio.sleep(600)

    box = Toolbox([hang], timeout=0.01)
    assert "TimeoutError: It took longer than 0.01 s" in box.run(use("hang"))["content"]


def test_an_async_tool_of_another_loop_says_how_to_mend_it():
    async def main() -> str:
        mine = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            """Wait."""
            await mine

        return failure(wait)

    assert "tool(own_loop=True)" in asyncio.run(main())


# ---- approval and limits -----------------------------------------------------------------------------------


@tool(side_effects=True)
def drop(table: str) -> str:
    """Drop a table."""
    return f"dropped {table}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, "dropped t"),
        (False, "The user refused this call."),
        ("not on Sundays", "The user refused this call: not on Sundays"),
        (None, "The user refused this call."),
        (1, "The user refused this call."),
    ],
)
def test_o2_a_call_with_side_effects_is_asked_for_and_only_true_runs_it(answer, expected):
    asked = list[Any]()
    box = Toolbox([drop, weather], approve=lambda *what: asked.append(what) or answer)
    assert expected == box.run(use("drop", table="t"))["content"]
    box.run(use("weather", city="Rome"))
    assert [("drop", {"table": "t"})] == asked


def test_o2_always_asks_before_every_call_and_never_for_one_that_does_not_fit():
    asked = list[Any]()
    box = Toolbox([weather], always=True, approve=lambda *what: asked.append(what) is None)
    box.run(use("weather", city="Rome"))
    box.run(use("weather", town="Rome"))
    assert [("weather", {"city": "Rome"})] == asked
    assert "nobody to ask" in refusal(lambda: Toolbox([weather], always=True)).message


def test_o2_a_call_is_shown_before_it_runs_and_after():
    seen = list[Any]()

    class Watch:
        def calling(self, name: str, arguments: dict[str, Any]) -> None:
            seen.append((name, arguments))

        def called(self, ran: Ran) -> None:
            seen.append((ran.name, ran.content, ran.is_error))

    def note() -> str:
        """Note."""
        seen.append("running")
        return "x"

    Toolbox([note], watch=Watch()).run(use("note"))
    assert [("note", {}), "running", ("note", "x", False)] == seen


def test_o5_a_toolbox_runs_no_more_calls_than_allowed():
    box = Toolbox([weather], max_calls=2)
    said = [box.run(use("weather", f"t{n}", city="R"))["content"] for n in range(3)]
    assert "Not run: the limit of 2 calls is reached. Answer with what you have." == said[2]
    assert "R: 20" in said[1]


# ---- the loop ----------------------------------------------------------------------------------------------


def message(*content: Any, stop: str = "end_turn") -> Message:
    blocks = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
    made = record({"type": "message", "role": "assistant", "content": blocks, "stop_reason": stop})
    assert isinstance(made, Message)
    return made


def play(*answers: Any, tools: Any = (weather,), **limits: Any) -> tuple[list[Step], list[dict[str, Any]]]:
    """Run the loop over given answers; return its steps and the messages, which are valid at every step."""
    messages, left, seen = [{"role": "user", "content": "go"}], list(answers), list[Step]()

    def ask(sent: list[dict[str, Any]]) -> Message:
        valid(sent)
        answer = left.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    box = tools if isinstance(tools, Toolbox) else Toolbox(tools)
    try:
        for step in steps(ask, messages, box, **limits):
            valid(messages)
            seen.append(step)
    finally:
        valid(messages)
        play.messages = messages
    assert [] == left
    return seen, messages


def valid(messages: list[dict[str, Any]]) -> None:
    """Check that every tool_use has its result in the next message, first and once."""
    for i, said in enumerate(messages):
        asked = [b["id"] for b in said["content"] if isinstance(b, dict) and b["type"] == "tool_use"]
        if asked:
            after = messages[i + 1]
            assert ("user", asked) == (after["role"], [b.get("tool_use_id") for b in after["content"]])


def contents(messages: list[dict[str, Any]]) -> list[str]:
    return [b["content"] for b in messages[-1]["content"]]


def test_the_loop_answers_calls_in_order_until_there_are_none():
    calls = [use("weather", "a", city="Rome"), use("nothing", "b"), use("weather", "c", city="Oslo")]
    seen, messages = play(message("let me see", *calls, stop="tool_use"), message("It is warm."))
    assert ["", "end_turn"] == [s.ended for s in seen]
    assert ["weather", "nothing", "weather"] == [ran.name for ran in seen[0].ran]
    assert ["a", "b", "c"] == [b["tool_use_id"] for b in messages[2]["content"]]
    assert {"role": "assistant", "content": [{"type": "text", "text": "It is warm."}]} == messages[-1]


def test_a_paused_answer_goes_back_unchanged_and_server_results_stay():
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    thought = {"type": "thinking", "thinking": "", "signature": "s"}
    seen, messages = play(message(thought, search, found, "so far", stop="pause_turn"), message("done"))
    assert ["", "end_turn"] == [s.ended for s in seen]
    assert [thought, search, found, {"type": "text", "text": "so far"}] == messages[1]["content"]
    assert ["user", "assistant", "assistant"] == [m["role"] for m in messages]


def test_a_call_beside_an_unfinished_server_tool_is_answered_with_results_only():
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    _, messages = play(message(search, use("weather", city="Rome"), stop="tool_use"), message("done"))
    assert ["tool_result"] == [b["type"] for b in messages[2]["content"]]


def test_a_call_that_was_cut_is_not_run_and_not_kept():
    calls = (use("weather", "a", city="Rome"), use("weather", "b", city="Os"))
    seen, messages = play(message("hm", *calls, stop="max_tokens"))
    assert ("max_tokens", ()) == (seen[0].ended, seen[0].ran)
    assert ["Not run: the answer was cut short."] == contents(messages)
    _, messages = play(
        message({"type": "thinking", "thinking": "", "signature": "s"}, calls[1], stop="max_tokens")
    )
    assert [{"role": "user", "content": "go"}] == messages


def test_o5_the_loop_stops_at_its_limits_with_a_valid_thread():
    again = message(use("weather", city="Rome"), stop="tool_use")
    other = message(use("weather", "toolu_2", city="Rome"), stop="tool_use")
    seen, messages = play(again, other, max_steps=2)
    assert ["", "max_steps"] == [s.ended for s in seen]
    assert ["Not run: the limit of 2 steps is reached."] == contents(messages)
    seen, messages = play(again, max_seconds=-1)
    assert ["max_seconds"] == [s.ended for s in seen]
    assert ["Not run: the time allowed is over."] == contents(messages)
    assert "There must be one step" in refusal(lambda: play(max_steps=0)).message


def test_a_refusal_is_not_kept():
    seen, messages = play(message("no", stop="refusal"))
    assert "refusal" == seen[0].ended
    assert [{"role": "user", "content": "go"}] == messages


def test_m8_an_interrupt_in_a_tool_leaves_every_call_answered():
    def stop() -> None:
        """Stop."""
        raise KeyboardInterrupt

    calls = [use("weather", "a", city="Rome"), use("stop", "b"), use("weather", "c", city="Oslo")]
    with pytest.raises(KeyboardInterrupt):
        play(message(*calls, stop="tool_use"), tools=(weather, stop))
    said = contents(play.messages)
    assert [
        "Rome: 20 CELSIUS, 3 days",
        "The user interrupted this call; it may have run in part",
        "This call was not run: the user interrupted an earlier one",
    ] == said
    assert [None, True, True] == [b.get("is_error") for b in play.messages[-1]["content"]]


def test_what_asking_raises_passes_and_the_thread_can_be_sent_again():
    with pytest.raises(KeyboardInterrupt):
        play(message(use("weather", city="Rome"), stop="tool_use"), KeyboardInterrupt())
    assert "user" == play.messages[-1]["role"]


def test_a_loop_with_the_practice_server(client):
    box = Toolbox([weather])
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather in the city of Rome?"}]

    def ask(said: list[dict[str, Any]]) -> Message:
        return client.messages.create(model=MODEL, max_tokens=500, messages=said, **box.parameters)

    seen = list(steps(ask, messages, box))
    assert ["", "end_turn"] == [step.ended for step in seen]
    assert ["weather"] == [ran.name for ran in box.calls]
    assert not box.calls[0].is_error
    assert ["user", "assistant", "user", "assistant"] == [m["role"] for m in messages]


# ---- what a name means -------------------------------------------------------------------------------------


def test_a_name_is_the_notebooks_first_then_the_apis():
    space = {"weather": weather, "shop": Shop("x"), "mine": [later, "web_fetch"], "memory": [1], "n": 3}
    found = resolve(["weather, shop.price", "web_search", "$mine"], space)
    assert ["weather", "price", "web_search", "later", "web_fetch"] == [
        one.name if isinstance(one, Tool) else one["name"] for one in found
    ]
    assert [server.server_tool("memory")] == resolve(["memory"], space)
    assert "weather" == resolve(["$weather"], space)[0].name

    def web_search(query: str) -> str:
        """Search here."""
        return query

    assert isinstance(resolve(["web_search"], {"web_search": web_search})[0], Tool)


@pytest.mark.parametrize(
    ("word", "words", "hint"),
    [
        ("wether", "There is no function wether in this notebook", "Did you mean weather?"),
        ("web_serch", "There is no function web_serch", "Did you mean web_search?"),
        ("zzzz", "There is no function zzzz", "Define a function zzzz in a cell"),
        ("shop.prize", "shop has no prize to call", "Did you mean price?"),
        ("shop.__class__", "shop has no __class__ to call", "Look at shop"),
        ("$none", "$none: no such variable", "Assign none"),
        ("n", "n is no tool but of type int", "Name a function"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_the_nearest(word, words, hint):
    error = refusal(lambda: resolve([word], {"weather": weather, "shop": Shop("x"), "n": 3}))
    assert words in error.message
    assert hint in error.hint


@pytest.mark.parametrize("word", ["print", "pd.read_csv"])
def test_a_function_that_is_not_the_reader_s_is_to_be_written_around(word):
    with pytest.raises(InputError) as caught:
        resolve([word], {"pd": pd})
    assert "Write a small function around" in caught.value.hint


def test_a_function_s_name_in_quotes_is_told_to_be_given_itself():
    with pytest.raises(InputError) as caught:
        Toolbox(["good"])
    assert "tools=[good]" in caught.value.hint

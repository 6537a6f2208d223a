"""Does each row make the one request it should, and is what cannot be asked told before anything is sent?"""

from __future__ import annotations

import enum
import io
import json
import tracemalloc

import httpx2
import pandas as pd
import pytest

from claude_magic import settings, wire
from claude_magic.api.client import Client
from claude_magic.app import Request
from claude_magic.errors import InputError
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.protocol import canonical, catalog
from claude_magic.rows.asked import presets
from claude_magic.rows.asked.plan import plan

VERSION = "2026-10-21"
REVIEWS = ["good", "bad", "good", None, "  "]
LONG = "Judge as a critic of films does. " * 1_000  # more than any model's least to cache


def asked(data, prompt="{value}", row=0, **given):
    """Return the body of a row."""
    return plan(data, prompt, **given).body(row)


def said(body, message=-1):
    return [block.get("text") for block in body["messages"][message]["content"]]


def refused(*args, **given):
    with pytest.raises(InputError) as caught:
        plan(*args, **given)
    return caught.value


def sent_by(made):
    """Return the requests of a plan as they leave the client, live and in a batch, by key."""
    seen: list[Request] = []
    practice = Practice()

    def app(request):
        seen.append(request)
        return practice(request)

    client = Client(
        base_url="https://practice.example",
        api_key="practice-key",
        http_client=httpx2.Client(transport=AppTransport(app)),
    )
    asks = list(made.asks(made.first))
    for ask in asks:
        client.messages.create(**ask.body)
    client.messages.batches.create(requests=[{"custom_id": ask.key, "params": ask.body} for ask in asks])
    *live, batch = seen
    items = {one["custom_id"]: one["params"] for one in json.loads(batch.body)["requests"]}
    return {ask.key: request for ask, request in zip(asks, live, strict=True)}, items


# ---- keys and bodies ---------------------------------------------------------------------------------------


def test_rows_that_ask_the_same_share_a_key_and_one_request():
    made = plan(REVIEWS, "Rate: {value}")
    assert made.keys[0] == made.keys[2] != made.keys[1]
    assert {made.keys[0]: 0, made.keys[1]: 1, made.keys[4]: 4} == made.first
    assert list(made.first) == [ask.key for ask in made.asks(made.first)]
    assert (5, "claude-haiku-5-5", "Rate: {value}", "claude_", None) == (
        len(made),
        plan([], "{value}", model="haiku").model,
        made.template,
        made.prefix,
        made.shape,
    )


def test_without_dedupe_each_row_has_a_key_of_its_own_that_begins_like_the_others():
    once, each = plan(REVIEWS, "{value}"), plan(REVIEWS, "{value}", dedupe=False)
    assert [*once.keys[:2], f"{once.keys[0]}-2", "", ""] == each.keys
    assert each.body(0) == each.body(2)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {
            "output": {"label": ["good", "bad"], "why": str},
            "system": "A critic — \ud800 “ü”.",
            "effort": "low",
        },
        {"choices": Color, "examples": [("fine", "red")], "system": LONG},
        {"params": {"metadata": {"user_id": "{value}"}, "stop_sequences": ["{"]}},
        {"params": {"output_config": {"effort": "low"}, "max_tokens": 300}, "think": False},
    ],
    ids=["plain", "schema", "examples", "per row", "params"],
)
def test_a_request_is_the_same_live_and_in_a_batch_and_its_key_is_its_canonical_hash(given):
    made = plan(
        ["a “b” {c}\n", "half \ud83d of one", "z" * 50], "Rate {value}!", model="claude-sonnet-4-6", **given
    )
    live, items = sent_by(made)
    for key, request in live.items():
        assert key == canonical.asked(request).key
        assert json.loads(request.body) == items[key]
        body = wire.decode_plain(wire.encode(made.body(made.first[key])))
        assert key == canonical.Asked("POST", "/v1/messages", (), VERSION, (), body).key
    assert 3 == len(live)


def test_a_row_asks_what_a_cell_of_the_same_words_asks():
    from claude_magic.talk import question
    from claude_magic.talk.thread import Thread

    cell = question.prepare("Rate: good", Thread(), Client, model="haiku", max_tokens=50, system="Be brief.")
    assert cell.body == asked(["good"], "Rate: {value}", model="haiku", max_tokens=50, system="Be brief.")


def test_numbers_written_in_another_way_make_the_same_key():
    one, two = (plan(["a"], "{value}", params={"temperature": t}, version="2023-06-01") for t in (1, 1.0))
    assert one.keys == two.keys
    with pytest.warns(UserWarning, match="is not known to take 'temperature'"):
        assert one.keys != plan(["a"], "{value}", params={"temperature": 1}).keys


def test_betas_count_for_the_key_and_go_into_a_header():
    made = plan(["a"], "{value}", params={"betas": ["new-2026-01-01"]})
    assert ["new-2026-01-01"] == made.betas
    assert "betas" not in made.body(0)
    assert made.keys == plan(["a"], "{value}", params={"betas": "new-2026-01-01"}).keys
    assert made.keys != plan(["a"], "{value}").keys


def test_rows_are_planned_without_holding_their_requests():
    texts = [f"row number {n} of many" for n in range(20_000)]
    tracemalloc.start()
    made = plan(texts, "Rate the following text from one to five, please: {value}", system=LONG)
    first = sum(1 for _ in made.asks(made.first))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 20_000 == first
    assert 500 > peak / 20_000  # bytes a row: its key and two references, where a body alone has 33,000


def test_the_model_is_named_as_a_cell_names_it():
    settings.use("model", "opus")
    assert "claude-opus-5-5" == asked(["a"])["model"] == plan(["a"], "{value}").model
    assert "claude-haiku-5-5" == asked(["a"], params={"model": "haiku"})["model"]
    assert ["claude-of-mine is not in the catalogue; it is sent as it is."] == [
        note.partition(" Did")[0] for note in plan(["a"], "{value}", model="claude-of-mine").notes
    ]
    settings.use("model", None)


def test_what_the_model_cannot_do_is_an_error_before_any_call():
    assert "answers at most" in refused(["a"], "{value}", model="haiku", max_tokens=10**7).message


# ---- prompts -----------------------------------------------------------------------------------------------


FRAME = pd.DataFrame(
    {"text": ["good", "bad"], "prompt": ["Rate good.", "Rate bad."], "n": [3, 4]}, index=[5, 5]
)


@pytest.mark.parametrize(
    "prompt",
    [
        "Rate {text}.",
        "prompt",
        lambda row: f"Rate {row['text']}.",
        FRAME["prompt"],
        ["Rate good.", "Rate bad."],
        FRAME["prompt"].to_numpy(),
        lambda row: [{"type": "text", "text": f"Rate {row['text']}."}],
        lambda row: {"prompt": f"Rate {row['text']}."},
    ],
    ids=["template", "column", "function", "series", "list", "array", "blocks", "dict"],
)
def test_a_prompt_may_be_given_in_any_of_these_ways(prompt):
    made = plan(FRAME, prompt)
    assert [["Rate good."], ["Rate bad."]] == [said(made.body(n)) for n in range(2)]
    assert ["Rate good.", "Rate bad."] == [made.prompt(n) for n in range(2)]
    assert plan(FRAME, "Rate {text}.").keys == made.keys


def test_a_function_may_set_parameters_of_its_own_rows():
    made = plan(FRAME, lambda row: {"prompt": row["text"], "max_tokens": row["n"], "system": "Be brief."})
    assert [(3, "Be brief."), (4, "Be brief.")] == [
        (made.body(n)["max_tokens"], made.body(n)["system"]) for n in range(2)
    ]


def test_a_function_that_fails_for_some_rows_leaves_the_others():
    made = plan(FRAME, lambda row: f"{1 / (row['n'] - 3)}")
    assert {0: ("prompt_error", "ZeroDivisionError: division by zero")} == made.unfit
    assert ["", "1.0"] == [made.prompt(0), made.prompt(1)]
    labels = {"good": "a"}
    assert ("prompt_error", "KeyError: 'bad'") == plan(FRAME, lambda row: labels[row["text"]]).unfit[1]


@pytest.mark.parametrize(
    ("function", "message", "hint"),
    [
        (lambda row: row["txt"], "There is no column txt", "Did you mean text?"),
        (lambda row: row.text, 'AttributeError: a row has no attribute text; write row["text"]', "Correct"),
    ],
)
def test_a_function_that_misses_a_column_is_told_so(function, message, hint):
    error = refused(FRAME, function)
    assert (InputError, True, True) == (type(error), message in error.message, hint in error.hint)
    assert ["good!", "bad!"] == [
        plan(FRAME, lambda row: row["text"] + row.get("txt", "!")).prompt(n) for n in (0, 1)
    ]


def test_a_column_of_any_label_is_named_as_a_text_is():
    frame = pd.DataFrame({("a", "x"): ["good"], (3, ""): ["bad"]})
    assert "good bad" == plan(frame, lambda row: f"{row['a', 'x']} {row[3]}").prompt(0)
    for column in (("a", "x"), "a_x"):
        assert "good" in plan(frame, presets.classify(column, ["good", "bad"]).prompt).prompt(0)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"prefix": None}, "prefix must be a text, not None", 'prefix="my_"'),
        ({"params": "x"}, "params must be a dict", "stop_sequences"),
    ],
)
def test_what_is_no_text_and_no_dict_is_refused(given, message, hint):
    error = refused(FRAME, "Rate {text}", **given)
    assert (True, True) == (message in error.message, hint in error.hint)


@pytest.mark.parametrize("prompt", [None, 5, {"text": "Rate {text}"}])
def test_what_is_no_prompt_is_told_so(prompt):
    error = refused(FRAME, prompt)
    assert f"A prompt cannot be of type {type(prompt).__name__}" == error.message
    assert "Sum up {review}" in error.hint


def test_what_stands_for_a_missing_value_may_be_a_number():
    assert "Rate 0" == plan({"n": [None, 2]}, "Rate {n}", na=0).prompt(0)


def test_a_level_of_the_index_is_no_column_and_the_hint_says_how_it_becomes_one():
    frame = FRAME.rename_axis("country")
    assert "country is in the index; make it a column: df = df.reset_index(). Double" in (
        refused(frame, "Rate {country}").hint
    )
    assert "df.reset_index()" in refused(frame, lambda row: row["country"]).hint
    assert "There is only text." in refused(FRAME[["text"]], "Rate {zzz}").hint
    assert "The prompt is of type int" in refused(FRAME, lambda row: row["n"]).message


def test_a_function_that_makes_another_prompt_each_time_is_told_before_it_is_paid():
    numbers = iter(range(100))
    made = plan(FRAME, lambda row: f"{next(numbers)} {row['text']}")
    with pytest.raises(InputError, match="Row 0 asks something else than a moment ago"):
        next(made.asks(made.first))


def test_prompts_must_be_as_many_as_the_rows_and_in_their_order():
    assert "There are 2 rows, and the prompts are 1" in refused(FRAME, ["Rate good."]).message
    other = pd.Series(["Rate good.", "Rate bad."], index=[1, 2])
    assert "another index than the rows" in refused(FRAME, other).message


def test_a_template_that_names_no_column_is_an_error_unless_rows_are_to_differ_all_the_same():
    assert "names no column" in (error := refused(FRAME, "Write a haiku")).message
    assert "Name one in braces: {text}." == error.hint
    assert "Write {text}, in single braces." == refused(FRAME, "Rate {{ text }}").hint
    made = plan(FRAME, "Write a haiku", dedupe=False)
    assert 2 == len(made.first)


def test_a_missing_column_is_an_error_also_of_an_empty_frame():
    assert "Did you mean text?" in refused(FRAME[:0], "{txt}").hint
    made = plan(FRAME[:0], "{text}", output={"label": str})
    assert (0, [], {}, {}, "label") == (
        len(made),
        made.keys,
        made.first,
        made.unfit,
        next(iter(made.shape.schema["properties"])),
    )


# ---- rows that cannot be asked -----------------------------------------------------------------------------


def test_rows_that_cannot_be_asked_have_a_reason_and_no_key():
    made = plan(REVIEWS, "{value}", prefix="x_")
    assert {
        3: ("missing_value", "value is missing"),
        4: ("empty_prompt", "The prompt is empty"),
    } == made.unfit
    assert ["", ""] == made.keys[3:]
    with pytest.raises(InputError, match="Row 3 cannot be asked: value is missing"):
        made.body(3)
    assert {4: ("empty_prompt", "The prompt is empty")} == plan(REVIEWS, "{value}", na="none given").unfit


def test_a_frame_of_nothing_but_missing_values_is_no_error():
    assert 2 == len(plan([None, None], "{value}").unfit)


def test_what_is_wrong_with_every_row_is_an_error():
    assert "No row can be asked: {value.size}: no .size in it" == refused(["a", "b"], "{value.size}").message


def test_a_prompt_over_the_context_window_is_not_sent():
    made = plan(["a " * 3_000_000, "short"], "{value}", model="haiku")
    kind, why = made.unfit[0]
    assert "prompt_too_long" == kind
    assert why.startswith("The prompt has about ")
    assert [1] == list(made.first.values())


def test_o3_a_row_that_holds_a_key_is_kept_back_and_the_others_are_not():
    key = "sk-ant-api03-" + "not-a-real-key-" * 3
    made = plan([f"text {n}" for n in range(2_500)] + [f"mine is {key}"], "{value}")
    assert {
        2_500: ("secret", "The prompt holds something shaped like a key, so nothing was sent")
    } == made.unfit
    assert 2_500 == len(made.first)
    for given in ({"prompt": f"{key} {{value}}"}, {"prompt": "{value}", "system": key}):
        assert "shaped like a key" in refused(["a"], **given).message


def test_o3_a_row_that_holds_a_secret_of_the_environment_is_kept_back(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "correct horse battery")
    made = plan(["a", "it is correct horse battery"], "{value}")
    assert [1] == list(made.unfit)
    assert "DB_PASSWORD" in made.unfit[1][1]


# ---- parameters --------------------------------------------------------------------------------------------


def test_a_parameter_in_braces_is_the_row_s_own_as_it_is():
    frame = pd.DataFrame({"text": ["a", "b", "c"], "limit": [100, 200, None]})
    params = {"max_tokens": "{limit}", "metadata": {"user_id": "{text}"}, "stop_sequences": ["{text}", "END"]}
    made = plan(frame, "{text}", params=params)
    assert (100, {"user_id": "a"}, ["a", "END"]) == tuple(made.body(0)[name] for name in params)
    assert 200 == made.body(1)["max_tokens"]
    assert {2: ("missing_value", "limit is missing")} == made.unfit
    assert "Did you mean limit?" in refused(frame, "{text}", params={"max_tokens": "{limt}"}).hint


def test_a_parameter_that_only_some_rows_cannot_have_is_their_reason():
    frame = pd.DataFrame({"text": ["a", "b"], "limit": [100, 0.5]})
    made = plan(frame, "{text}", params={"max_tokens": "{limit}"})
    assert {1: ("invalid_params", "max_tokens must be a whole number")} == made.unfit


@pytest.mark.parametrize("name", ["timeout", "extra_headers", "messages", "stream", "max_retries"])
def test_what_is_no_part_of_a_body_is_an_error(name):
    assert f"{name} is no parameter of a row" == refused(["a"], "{value}", params={name: 5}).message


# ---- output, examples, cache -------------------------------------------------------------------------------


def test_a_schema_that_cannot_be_asked_for_is_an_error_before_any_call():
    assert "is a text, not a type" in refused(["a"], "{value}", output="int").message
    many = {f"f{n}": str | None for n in range(30)}
    assert "at most" in refused(["a"], "{value}", output=many).message


def test_a_model_that_is_not_held_to_a_schema_is_told_of_it_in_words():
    older = next(one.id for one in catalog.all_models() if one.structured_outputs is False)
    made = plan(["a"], "{value}", choices=["x", "y"], model=older)
    assert "output_config" not in made.body(0)
    words = said(made.body(0))
    assert ("a", "Answer with JSON only") == (words[0], words[1][:21])
    assert made.keys[0] == canonical.Asked("POST", "/v1/messages", (), VERSION, (), made.body(0)).key


PAIRS = [("fine", "good"), ("awful", "bad")]


@pytest.mark.parametrize(
    ("prompt", "examples"),
    [
        ("Rate {text}", PAIRS),
        (
            "Rate {text}",
            [({"text": "fine", "n": 1}, {"label": "good"}), ({"text": "awful"}, '{"label": "bad"}')],
        ),
        ("Rate {text}", pd.DataFrame({"text": ["fine", "awful"], "output": ["good", "bad"]})),
        ("Rate {text}", pd.DataFrame({"text": ["fine", "awful"], "claude_label": ["good", "bad"]})),
        ("Rate {text}", [{"text": "fine", "label": "good"}, {"text": "awful", "label": "bad"}]),
        (lambda row: f"Rate {row['text']}", [({"text": "fine"}, "good"), ("Rate awful", "bad")]),
        ("prompt", [("Rate fine", "good"), ("Rate awful", "bad")]),
    ],
    ids=["pairs", "dicts", "output", "result", "fields", "function", "column"],
)
def test_examples_are_turns_in_the_form_of_a_row_and_of_an_answer(prompt, examples):
    made = plan(FRAME, prompt, output={"label": ["good", "bad"]}, examples=examples)
    body = made.body(0)
    assert ["user", "assistant", "user", "assistant", "user"] == [m["role"] for m in body["messages"]]
    assert [["Rate fine"], ['{"label":"good"}'], ["Rate awful"], ['{"label":"bad"}']] == [
        said(body, n) for n in range(4)
    ]


def test_examples_of_texts_and_of_labels():
    assert ["fine"] == said(asked(["a"], examples=[("b", "fine")]), 1)
    assert ['{"value":"x"}'] == said(asked(["a"], choices=["x", "y"], examples=[("b", "x")]), 1)
    assert ["2 stars"] == said(asked(FRAME, "{text} {n}", examples=[({"text": "b", "n": 2}, "2 stars")]), 1)


@pytest.mark.parametrize(
    ("prompt", "examples", "message"),
    [
        ("{text}", [("a", "neither")], "The output of example 1 does not fit"),
        ("{text}", [("a", None)], "The output of example 1 does not fit: it is empty"),
        ("{text}", ["a"], "Example 1 is no pair"),
        ("{text} {n}", [("a", "good")], "must be a dict of columns"),
        ("{text} {n}", [({"text": "a"}, "good")], "{n}: there is no column n"),
        ("{text}", [(None, "good")], "Example 1 cannot be asked: text is missing"),
        ("{text}", pd.DataFrame({"text": ["a"]}), "The examples have no column output"),
    ],
)
def test_an_example_that_does_not_fit_is_an_error_before_any_call(prompt, examples, message):
    assert message in refused(FRAME, prompt, output={"label": ["good", "bad"]}, examples=examples).message


def marks(body):
    parts = [body.get("system"), *(m["content"] for m in body["messages"])]
    return ["cache_control" in str(part) for part in parts]


def test_a_long_beginning_that_all_rows_share_is_kept_by_the_service():
    assert [False, False] == marks(asked(["a"], system="Be brief.", model="haiku"))
    assert [True, False] == marks(asked(["a"], system=LONG, model="haiku"))
    assert [False, False] == marks(asked(["a"], system=LONG, model="haiku", cache="off"))
    # up to the last example, never the row's own question
    assert [True, True, False, False] == marks(
        asked(["a"], system=LONG, model="haiku", examples=[("b", "c")])
    )
    one, all_rows = (plan(values, "{value}", system=LONG, model="haiku") for values in (["a"], list("abc")))
    assert one.keys[0] == all_rows.keys[0]  # however many rows there are


# ---- samples and names -------------------------------------------------------------------------------------


def test_a_sample_is_the_same_each_time_and_in_order():
    some, more = (plan(range(1_000), "{value}", sample=size) for size in (10, 0.1))
    assert (10, 100) == (len(some), len(more))
    taken = [int(some.prompt(n)) for n in range(10)]
    assert sorted(taken) == taken != list(range(10))
    assert set(some.keys) < set(more.keys)
    assert taken == some.rows.column("value")
    assert 3 == len(plan(range(3), "{value}", sample=50))
    assert 0 == len(plan([], "{value}", sample=0.5))


@pytest.mark.parametrize("sample", [0, -1, 1.5, True, "5"], ids=repr)
def test_a_sample_that_is_none_is_an_error(sample):
    assert "sample is a number of rows" in refused(["a"], "{value}", sample=sample).message


def test_a_sample_takes_prompts_and_pictures_along():
    prompts = [f"Rate {n}" for n in range(50)]
    made = plan(range(50), prompts, sample=5)
    assert [f"Rate {n}" for n in made.rows.column("value")] == [made.prompt(n) for n in range(5)]


def test_a_name_that_is_taken_is_an_error_before_any_call():
    frame = pd.DataFrame({"text": ["a"], "claude_text": ["mine"], "claude_cost_usd": [1]})
    assert "There is a column claude_text already" in refused(frame, "{text}").message
    assert 1 == len(plan(frame, "{text}", prefix="my_"))
    assert 1 == len(plan(frame.drop(columns="claude_text"), "{text}"))
    assert "claude_cost_usd" in refused(frame.drop(columns="claude_text"), "{text}", details=True).message
    ours = frame.assign(claude_status="ok")
    assert 1 == len(plan(ours, "{text}"))
    assert "made of the column claude_text" in refused(ours, "{claude_text}").message


# ---- pictures ----------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    """Return the paths of two small pictures and of a large one."""
    image = pytest.importorskip("PIL.Image")
    for name, size in (("a.png", (30, 20)), ("b.png", (20, 30)), ("large.png", (4_000, 1_000))):
        image.new("RGB", size, "white").save(tmp_path / name)
    return tmp_path


def images_of(data, images, prompt="Describe it", row=0, **given):
    return plan(data, prompt, images=images, **given).body(row)["messages"][-1]["content"]


def test_pictures_go_before_the_text(pictures):
    frame = pd.DataFrame({"path": [str(pictures / "a.png"), pictures / "b.png"], "text": ["x", "y"]})
    image, text = images_of(frame, "path", "Is it {text}?")
    assert ("image", "image/png", "Is it x?") == (image["type"], image["source"]["media_type"], text["text"])
    several = images_of(frame.assign(more=frame["path"][::-1].tolist()), ["path", "more"])
    assert ["image", "image", "text"] == [block["type"] for block in several]
    made = plan(frame, "Describe it", images="path")
    assert 2 == len(made.first)
    assert "[image]\nDescribe it" == made.prompt(0)
    live, items = sent_by(made)
    assert {key: json.loads(request.body) for key, request in live.items()} == items
    assert all(key == canonical.asked(request).key for key, request in live.items())


def test_pictures_may_be_values_of_many_kinds(pictures):
    image = pytest.importorskip("PIL.Image")
    drawn, data = image.new("RGB", (9, 9)), (pictures / "a.png").read_bytes()
    cases = [
        (drawn, "base64"),
        (data, "base64"),
        ("https://example.com/a.png", "url"),
        ("file_011CNha8iCJcU1wXNR6q4V8w", "file"),
        ({"type": "file", "id": "file_1", "mime_type": "image/png"}, "file"),
        ({"type": "image", "source": {"type": "url", "url": "https://example.com/b.png"}}, "url"),
    ]
    for value, kind in cases:
        assert kind == images_of(["x"], [value])[0]["source"]["type"]
    pdf = {"type": "file", "id": "file_2", "mime_type": "application/pdf"}
    assert "document" == images_of(["x"], [pdf])[0]["type"]
    assert ["image", "image", "text"] == [b["type"] for b in images_of(["x"], [[drawn, data]])]
    assert ["text", "image"] == [b["type"] for b in images_of(["x"], None, lambda _: ["See", drawn], row=0)]


def test_a_large_picture_is_scaled_down_and_never_waits_for_an_upload(pictures):
    import base64

    image = pytest.importorskip("PIL.Image")
    large = images_of([pictures / "large.png"], "value", model="claude-haiku-4-5")[0]
    scaled = image.open(io.BytesIO(base64.b64decode(large["source"]["data"])))
    assert max(scaled.size) <= 1568
    noisy = pictures / "noise.png"
    image.effect_noise((1_200, 1_200), 90).save(noisy)
    assert noisy.stat().st_size > 1_000_000
    assert "base64" == images_of([noisy], "value", model="opus")[0]["source"]["type"]


def test_a_picture_that_cannot_be_read_is_its_row_s_reason(pictures):
    broken = pictures / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    values = [pictures / "a.png", pictures / "none.png", broken, None, 5]
    made = plan(values, "Describe it", images="value")
    assert ["unreadable_image", "unreadable_image", "missing_value", "unreadable_image"] == [
        kind for kind, _ in made.unfit.values()
    ]
    assert "There is no file" in made.unfit[1][1]
    assert 4 == len(plan(values[:1] + values[3:4] * 4, "Describe it", images="value").unfit)
    assert {} == plan([None], "Describe it", images="value", na="").unfit


def test_a_picture_that_has_changed_since_is_not_sent(pictures):
    made = plan([pictures / "a.png"], "Describe it", images="value")
    (pictures / "a.png").write_bytes((pictures / "b.png").read_bytes())
    with pytest.raises(InputError, match="asks something else"):
        made.body(0)
    (pictures / "a.png").unlink()
    with pytest.raises(InputError, match="cannot be asked: There is no file"):
        made.body(0)


def test_images_that_are_no_column_are_an_error():
    assert "There is no column photo" in refused(FRAME, "Describe it", images="photo").message
    assert "images are 1" in refused(FRAME, "Describe it", images=[b"x"]).message


# ---- other libraries ---------------------------------------------------------------------------------------


def test_the_same_rows_make_the_same_keys_whichever_library_has_them():
    polars, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    values = {"text": ["good", None], "n": [1, 2]}
    frames = [pd.DataFrame(values), polars.DataFrame(values), pa.table(values), values]
    assert 1 == len({tuple(plan(frame, "{n}: {text}").keys) for frame in frames})

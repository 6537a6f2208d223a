"""What does the practice server say?"""

# ruff: noqa: E501 - a row of a table is read on one line

from __future__ import annotations

import ast
import base64
import json
import struct

import pytest

from claude_magic.practice.messages.turns import sign

TEXT = (
    "The harbour office opens at 8 am. Boats over 12 metres need a pilot. The pilot costs 40 euros per hour. "
    "Fishing is forbidden near the pier. Visitors park behind the office for free."
)
CSV = (
    "species,petal_length,petal_width\nsetosa,1.4,0.2\nversicolor,4.7,1.4\nvirginica,6.0,2.5\nsetosa,1.3,0.2"
)
FRAME = "      species  petal_length\n0      setosa           1.4\n1  versicolor           4.7\n2   virginica           6.2"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the current weather in a city", "input_schema": CITY}
TIME = {"name": "get_time", "description": "Get the time of day somewhere", "input_schema": CITY}


def test_an_answer_is_labelled_and_drawn_from_the_prompt(api):
    said = api.say(f"What does the pilot cost?\n\n{TEXT}")
    assert said.startswith("[practice] ")
    assert "40 euros per hour" in said
    assert all(sentence in TEXT for sentence in said.removeprefix("[practice] ").split(". "))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [("When does the office open?", "opens at 8 am"), ("Where do visitors park?", "behind the office")],
)
def test_another_question_gets_another_answer(api, question, sentence):
    assert sentence in api.say(f"{question}\n{TEXT}")


def test_without_a_text_it_says_so_and_repeats_the_question(api):
    said = api.say("What is an index?")
    assert "No model was asked" in said
    assert "“What is an index?”" in said


@pytest.mark.parametrize(
    ("words", "number"), [("three bullets", 3), ("2 bullet points", 2), ("a bulleted list", 3)]
)
def test_bullets_are_as_many_as_asked_for(api, words, number):
    said = api.say(f"Summarise this text as {words}.\n\n{TEXT}")
    assert number == sum(line.startswith("- ") for line in said.splitlines())


def test_one_sentence_is_one(api):
    assert 1 == api.say(f"Summarise in one sentence.\n\n{TEXT}").count(".")


@pytest.mark.parametrize(
    "table", [CSV, CSV.replace(",", "\t"), "|" + CSV.replace(",", "|").replace("\n", "|\n|") + "|"]
)
def test_facts_of_a_table_are_computed_from_it(api, table):
    said = api.say(f"How long are the petals, petal_length?\n\n{table}")
    assert "4 rows and 3 columns: species, petal_length, petal_width" in said
    assert "`petal_length` runs from 1.3 to 6; its mean is 3.35." in said


def test_a_printed_dataframe_is_a_table(api):
    said = api.say(f"Describe species\n\n{FRAME}")
    assert "3 rows and 2 columns: species, petal_length" in said
    assert "`species` has 3 different values" in said


def test_a_notebooks_frame_is_answered_from_its_own_description(api):
    pd = pytest.importorskip("pandas")
    from claude_magic.prompts import prompt

    df = pd.DataFrame(
        {"species": ["setosa", "versicolor", "virginica"] * 20, "petal length": [1.4, 4.7, 6.0] * 20}
    )
    asked = prompt.render("What is the mean petal length in {df}? Answer for {df} briefly.", {"df": df})
    said = api.say(asked.blocks)
    assert "The table has 60 rows and 2 columns: species, petal length." in said
    assert "`petal length`: float64; min 1.4, mean 4.03333, max 6." in said
    assert "setosa" not in said
    code = api.say(
        prompt.render("Write pandas code for the mean petal length of {df} by species", {"df": df}).blocks
    )
    assert "df.groupby('species')['petal length'].mean()" in code


def test_a_text_between_tags_is_what_the_question_is_about(api):
    said = api.say(f"<letter>\nWhy write? {TEXT}\n</letter>\nWho parks behind the office?")
    assert "Visitors park behind the office for free." in said
    assert "letter" not in said


def test_prose_with_commas_is_no_table(api):
    said = api.say(
        "Who came?\nAda, Bob and Cy came early.\nDi, Eve and Fay came late.\nGil, Hal and Ivy stayed away."
    )
    assert "rows" not in said


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        (
            f"Write pandas code for the mean petal_length per species.\n\n{CSV}",
            ("'species'", "'petal_length'"),
        ),
        ("Write a Python function `slug` that shortens `title`.", ("def slug(title)",)),
        ('Write a script that says """hello\\', ("def ",)),
        ("Write a Python function that returns the n-th Fibonacci number.", ("def fibonacci_number(value)",)),
    ],
)
def test_code_is_a_python_block_that_parses_and_uses_the_prompts_names(api, prompt, names):
    said = api.say(prompt)
    code = said.split("```python\n")[1].split("\n```")[0]
    ast.parse(code)
    assert all(name in code for name in names)


def test_json_without_a_schema_is_an_object_with_the_keys_asked_for(api):
    said = json.loads(api.say("Return JSON with keys name, city: My name is Ada and I live in Paris."))
    assert {"practice": True, "name": "Ada", "city": "Paris"} == said
    assert {"practice": True, "rows": 4, "columns": CSV.split("\n")[0].split(",")} == json.loads(
        api.say(f"Describe this as JSON.\n\n{CSV}")
    )


@pytest.mark.parametrize(
    ("review", "label"),
    [("I love it, it is great and fast", "positive"), ("It came broken and late, I hate it", "negative")],
)
def test_a_choice_is_made_by_shared_words(api, review, label):
    said = api.say(f"Classify the sentiment as positive, negative or neutral: {review}")
    assert f"[practice] {label}" == said


def test_a_follow_up_draws_on_earlier_turns(api):
    turns = [
        {"role": "user", "content": "My name is Ada and I keep bees."},
        {"role": "assistant", "content": "[practice] Noted."},
        {"role": "user", "content": "What is my name?"},
    ]
    assert "[practice] My name is Ada and I keep bees." == api.say(..., messages=turns)


def follow_up(api, first, question):
    turns = [
        {"role": "user", "content": first},
        {"role": "assistant", "content": api.message(first)["content"]},
    ]
    return api.say(..., messages=[*turns, {"role": "user", "content": question}])


def test_a_follow_up_about_something_else_is_told_that_no_model_was_asked(api):
    said = follow_up(api, f"Describe species\n\n{FRAME}", "What is an index?")
    assert "[practice] No model was asked" in said
    assert "species" not in said


@pytest.mark.parametrize("question", ["And how long are the petals?", "Tell me about it."])
def test_a_follow_up_about_a_table_is_answered_from_the_table(api, question):
    said = follow_up(api, f"Describe species\n\n{FRAME}", question)
    assert "`petal_length` runs from 1.4 to 6.2" in said
    assert "[practice]" not in said.removeprefix("[practice]")


def test_a_greeting_is_no_text_to_draw_on(api):
    assert "No model was asked" in api.say("Hello! Who are you?")


def test_an_instruction_after_the_text_counts(api):
    assert 1 == api.say("Summarise The pier is old. It is long. It is closed. in one sentence.").count(".")


def test_what_to_extract_names_the_keys(api):
    asked = "Extract the name, age and city as JSON: Maria Gomez, 34, moved to Lisbon."
    assert {"practice": True, "name": "Maria Gomez", "age": 34, "city": "Lisbon"} == json.loads(
        api.say(asked)
    )


def test_a_word_that_names_a_library_asks_for_no_code(api):
    assert "```" not in api.say("Write a haiku about pandas.")


def test_a_tool_is_called_with_arguments_from_the_prompt(api):
    message = api.message("What is the weather in Paris?", tools=[TIME, WEATHER])
    call = message["content"][0]
    assert ("tool_use", "get_weather", {"city": "Paris"}) == (
        message["stop_reason"],
        call["name"],
        call["input"],
    )
    assert call["id"].startswith("toolu_")


def test_a_tool_that_does_not_fit_is_not_called(api):
    assert (
        "end_turn" == api.message(f"What does the pilot cost? {TEXT}", tools=[TIME, WEATHER])["stop_reason"]
    )
    assert (
        "end_turn"
        == api.message("weather in Paris", tools=[WEATHER], tool_choice={"type": "none"})["stop_reason"]
    )


def test_a_forced_tool_is_called_once_whatever_the_prompt(api):
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_time"}):
        content = api.message("Hello there", tools=[TIME, WEATHER], tool_choice=choice)["content"]
        assert ["tool_use"] == [block["type"] for block in content]
    assert "get_time" == content[0]["name"]


def test_tools_named_in_the_prompt_are_called_side_by_side_unless_that_is_off(api):
    asked = "get weather and get time in Paris"
    both = api.message(asked, tools=[TIME, WEATHER])["content"]
    one = api.message(
        asked, tools=[TIME, WEATHER], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
    )
    assert (2, 1) == (len(both), len(one["content"]))


def test_a_recursive_tool_schema_ends(api):
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "city": {"type": "string"}}}
    tool = {"name": "tree", "input_schema": {**node, "$defs": {"node": node}}}
    assert (
        "tool_use" == api.message("a tree in Paris", tools=[tool], tool_choice={"type": "any"})["stop_reason"]
    )


def test_after_a_tool_result_the_answer_tells_it(api):
    message = api.message("What is the weather in Paris?", tools=[WEATHER])
    turns = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": message["content"][0]["id"], "content": "Paris: 15 degrees, sunny"},
        ]},
    ]  # fmt: skip
    assert "[practice] Paris: 15 degrees, sunny" == api.say(..., messages=turns, tools=[WEATHER])


def test_thinking_comes_first_hidden_or_summarised_and_is_counted(api):
    hidden = api.message(TEXT, thinking={"type": "adaptive"})
    shown = api.message(TEXT, thinking={"type": "adaptive", "display": "summarized"})
    assert "" == hidden["content"][0]["thinking"]
    assert shown["content"][0]["thinking"].startswith("[practice] ")
    assert sign(shown["content"][0]["thinking"]) == hidden["content"][0]["signature"]
    thought = hidden["usage"]["output_tokens_details"]["thinking_tokens"]
    assert 0 < thought < hidden["usage"]["output_tokens"]


def test_thinking_goes_back_unchanged(api):
    message = api.message(TEXT, thinking={"type": "adaptive", "display": "summarized"})
    turns = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": message["content"]}]
    again = [*turns, {"role": "user", "content": "And the pier?"}]
    assert "Fishing is forbidden near the pier." in api.say(..., messages=again)


def test_between_tools_thinks_only_after_a_result(api):
    asked = {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}, "tools": [WEATHER]}
    first = api.message("What is the weather in Paris?", **asked)
    result = {"type": "tool_result", "tool_use_id": first["content"][0]["id"], "content": "15 degrees"}
    turns = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [result]},
    ]
    kinds = [block["type"] for block in api.message(..., messages=turns, **asked)["content"]]
    assert (["tool_use"], ["thinking", "text"]) == ([b["type"] for b in first["content"]], kinds)


@pytest.mark.parametrize("most", [1, 2, 5, 10, 30])
def test_an_answer_stops_at_max_tokens(api, most):
    message = api.message(TEXT, max_tokens=most)
    usage = message["usage"]["output_tokens"]
    assert usage <= most
    assert ("max_tokens" if usage == most or most < 20 else message["stop_reason"]) == message["stop_reason"]


def test_no_tokens_warm_the_cache_and_say_nothing(api):
    message = api.message(TEXT, max_tokens=0)
    assert ([], "max_tokens", 0) == (
        message["content"],
        message["stop_reason"],
        message["usage"]["output_tokens"],
    )
    assert message["usage"]["input_tokens"] > 0


def test_the_first_stop_sequence_ends_the_answer_and_is_named(api):
    message = api.message("practice:echo one two three", stop_sequences=["three", "two"])
    assert ("stop_sequence", "two") == (message["stop_reason"], message["stop_sequence"])
    assert "[practice]\n\none " == message["content"][0]["text"]


def test_a_document_is_cited_at_the_right_characters(api):
    source = {"type": "text", "media_type": "text/plain", "data": TEXT}
    block = {"type": "document", "title": "Log", "source": source, "citations": {"enabled": True}}
    content = api.message([block, {"type": "text", "text": "What does the pilot cost?"}])["content"]
    found = [c for b in content for c in b["citations"] or ()]
    assert {"char_location"} == {c["type"] for c in found}
    assert [c["cited_text"] for c in found] == [
        TEXT[c["start_char_index"] : c["end_char_index"]] for c in found
    ]


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "document", "source": {"type": "content", "content": [
            {"type": "text", "text": "Tides."}, {"type": "text", "text": "The pilot is Ada."}]}}, "content_block_location"),
        ({"type": "search_result", "source": "https://a.example", "title": "A", "content": [
            {"type": "text", "text": "Tides."}, {"type": "text", "text": "The pilot is Ada."}]}, "search_result_location"),
    ],
)  # fmt: skip
def test_blocks_are_cited_by_their_place(api, block, kind):
    block = {**block, "citations": {"enabled": True}}
    content = api.message([block, {"type": "text", "text": "Who is the pilot?"}])["content"]
    (citation,) = (c for b in content for c in b["citations"] or ())
    assert (kind, "The pilot is Ada.", 1, 2) == (
        citation["type"],
        citation["cited_text"],
        citation["start_block_index"],
        citation["end_block_index"],
    )


def test_a_picture_is_described_by_what_its_header_says_and_priced_by_its_size(api):
    data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 1000, 1000) + b"\x08\x02\0\0\0"
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(data).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    assert "PNG of 1000 by 1000 pixels" in api.say(content)
    assert 1296 == api.count(content) - api.count("What is this?")


def test_an_answer_to_markup_and_other_scripts_is_drawn_all_the_same(api):
    for prompt in (
        "你好。世界很大。海在哪里？",
        "<b>x</b>",
        "\u202e\u0000",
        "?" * 5000,
        "a" * 200_000,
        "\n" * 1000 + "x",
    ):
        assert api.say(prompt).startswith("[practice]")


MARK = {"type": "ephemeral"}
LONG = {"type": "text", "text": "Bees dance. " * 400, "cache_control": MARK}


def cached(api, *blocks, **more):
    usage = api.message([*blocks, {"type": "text", "text": "What do bees do?"}], **more)["usage"]
    return usage["input_tokens"], usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]


def test_the_cache_is_written_read_and_forgotten(api):
    total = api.count([LONG, {"type": "text", "text": "What do bees do?"}])
    fresh, written, read = cached(api, LONG)
    assert (total, 0) == (fresh + written, read)
    assert written > 512
    api.now += 299
    assert (fresh, 0, written) == cached(api, LONG)
    api.now += 299
    assert (fresh, 0, written) == cached(api, LONG)
    api.now += 301
    assert (fresh, written, 0) == cached(api, LONG)


def test_an_hour_is_told_apart_from_five_minutes(api):
    usage = api.message([{**LONG, "cache_control": {**MARK, "ttl": "1h"}}, LONG])["usage"]
    split = usage["cache_creation"]
    assert split["ephemeral_1h_input_tokens"] > split["ephemeral_5m_input_tokens"] > 0
    assert usage["cache_creation_input_tokens"] == sum(split.values())


def test_too_little_or_another_model_is_not_cached(api):
    short = {"type": "text", "text": "Bees dance.", "cache_control": MARK}
    assert (0, 0) == cached(api, short)[1:]
    cached(api, LONG)
    assert 0 == cached(api, LONG, model="claude-sonnet-5-5")[2]
    assert 0 == cached(api, LONG, system="Be brief.")[2]


def test_an_automatic_breakpoint_caches_the_whole_prompt(api):
    fresh, written, _ = cached(api, {"type": "text", "text": "Bees dance. " * 400}, cache_control=MARK)
    assert (0, True) == (fresh, written > 512)

"""Does an answer give its text, its data and its facts, and show itself once?"""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest

from claude_magic.errors import InputError
from claude_magic.talk.answer import Answer
from claude_magic.wire import record


def answer(text, *, stop_reason="end_turn", blocks=None, **facts):
    content = [{"type": "text", "text": text}] if blocks is None else blocks
    usage = {"input_tokens": 7, "output_tokens": 3}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5"}
    message |= {"content": content, "stop_reason": stop_reason, "usage": usage}
    return Answer(record(message), **facts)


def test_an_answer_is_its_text_and_its_methods_give_plain_text():
    made = answer("Two words")
    assert made == "Two words"
    assert [str, str, str, str] == [type(x) for x in (made.text, made.upper(), made[:3], made + "!")]
    assert {"Two words": 1}["Two words"] == {made: 1}["Two words"]


def test_an_answer_has_the_facts_of_its_message():
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Yes", "citations": [{"type": "char_location", "cited_text": "yes"}]},
    ]
    made = answer(
        "", blocks=blocks, cost=Decimal("0.01"), source="practice", seconds=1.5, turn=3, request_id="req_1"
    )
    assert ("Yes", "Hm.", "claude-haiku-5-5", 7) == (made, made.thinking, made.model, made.usage.input_tokens)
    assert ["yes"] == [c.cited_text for c in made.citations]
    assert (Decimal("0.01"), "practice", 1.5, None, 3, "end_turn", "req_1") == (
        made.cost,
        made.source,
        made.seconds,
        made.ttft,
        made.turn,
        made.stop_reason,
        made.request_id,
    )


@pytest.mark.parametrize("again", [lambda a: pickle.loads(pickle.dumps(a)), copy.copy, copy.deepcopy])
def test_k1_a_pickled_answer_comes_back_without_the_response_it_came_in(again):
    from claude_magic.app import Response

    made = answer("Text", cost=Decimal("0.01"), request_id="req_1")
    made.message._response = Response(200, {"authorization": "Bearer test-key-not-real-0123456789"})
    back = again(made)
    assert (Answer, "Text", Decimal("0.01"), "req_1") == (type(back), str(back), back.cost, back.request_id)
    assert made.message == back.message
    assert back.message.response is None
    assert b"Bearer" not in pickle.dumps(made)


@pytest.mark.parametrize(
    ("stop_reason", "words"),
    [
        ("max_tokens", "%claude continue"),
        ("refusal", "declined"),
        ("stopped", "%claude continue"),
        ("new_one", ""),
    ],
)
def test_an_answer_that_did_not_end_by_itself_says_what_to_type(stop_reason, words):
    assert words in answer("Half a", stop_reason=stop_reason).hint
    assert "" == answer("Whole").hint


def test_an_answer_in_no_conversation_is_to_be_asked_again():
    assert "ask again with a larger -n" in answer("Half a", stop_reason="max_tokens", go_on="").hint
    assert "continue" not in answer("Half a", stop_reason="stopped", go_on="").hint


def test_max_tokens_that_all_went_into_thinking_are_told_apart():
    assert "thinking" in answer("", stop_reason="max_tokens").hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("No code here", ""),
        ("```python\nx = 1\n```", "x = 1"),
        ("a\n```sh\nls\n```\nb\n```Python\nx = 1\n```\n```python\ny = 2\n```", "x = 1\n\ny = 2"),
        ("```sql\nSELECT 1\n```\n```r\nother\n```", "SELECT 1"),
        ("~~~py\nif x:\n    ```\n~~~", "if x:\n    ```"),
        ("````python\n```\ninner\n```\n````", "```\ninner\n```"),
        ("```python\ncut short", "cut short"),
        ("  ```python\n  x = 1\n  ```", "x = 1"),
        ("``` python title=x\nx = 1\n```", "x = 1"),
        ("Inline ```x = 1``` is no block", ""),
    ],
)
def test_code_is_the_fenced_blocks_of_one_language(text, code):
    assert code == answer(text).code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ('Here it is:\n```json\n{"a": [true, null]}\n```\nDone.', {"a": [True, None]}),
        ('```\n{"a": 1}\n```', {"a": 1}),
        ('```python\n{"b": 2}\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('```json\n{"broken": \n```\n```json\n{"a": 1}\n```', {"a": 1}),
    ],
)
def test_json_is_read_from_the_answer_or_its_fenced_block(text, value):
    assert value == answer(text).json()


@pytest.mark.parametrize("text", ["Just words", "", "```json\n{\n```", "[" * 100_000])
def test_an_answer_without_json_is_an_error_that_carries_the_text(text):
    with pytest.raises(InputError, match="no JSON") as caught:
        answer(text).json()
    assert text == caught.value.body


def test_json_that_is_cut_short_says_so():
    with pytest.raises(InputError, match="cut short"):
        answer('{"a": ', stop_reason="max_tokens").json()


ROWS = {"name": ["Ann", "Bo"], "n": [1, 2]}


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "Ann", "n": 1}, {"name": "Bo", "n": 2}]',
        '{"rows": [{"name": "Ann", "n": 1}, {"name": "Bo", "n": 2}]}',
        '{"name": ["Ann", "Bo"], "n": [1, 2]}',
        "Here:\n\n| name | n |\n|:-----|--:|\n| Ann | 1 |\n| Bo | 2 |\n\nThat | is | all",
        "name | n\n--- | ---\nAnn | 1\nBo | 2",
        "```csv\nname, n\nAnn, 1\nBo, 2\n```",
        "name,n\nAnn,1\nBo,2",
        "name\tn\nAnn\t1\nBo\t2",
        "```\nname,n\nAnn,1\nBo,2\n```",
        "a | b without a table\n\n| name | n |\n|---|---|\n| Ann | 1 |\n| Bo | 2 |",
    ],
    ids=range(10),
)
def test_a_frame_is_read_from_json_a_table_or_csv(text):
    assert ROWS == answer(text).df().to_dict("list")


def test_a_table_keeps_its_bars_its_gaps_and_namibia():
    found = answer("| a | b | c |\n|---|---|---|\n| x \\| y | NA | |\n| z |").df()
    assert [["x | y", "NA"], ["z"]] == [[v for v in row if v == v] for row in found.values.tolist()]


def test_a_list_of_values_is_one_column():
    assert {"value": [1, 2]} == answer("[1, 2]").df().to_dict("list")


@pytest.mark.parametrize(
    "text",
    [
        "No rows at all.",
        "Well, I see\nYes, I do",
        "",
        '"a string"',
        "```python\nf(a, b)\ng(c, d)\n```",
        "| only a header |",
    ],
)
def test_an_answer_without_rows_is_an_error_and_not_a_guess(text):
    with pytest.raises(InputError, match="no table") as caught:
        answer(text).df()
    assert text == caught.value.body


def test_o4_an_answer_shows_terminal_escapes_as_text(monkeypatch):
    monkeypatch.setattr(Answer, "show", None)  # as before a notebook says how an answer looks
    assert {"text/plain": "red ␛[31m"} == answer("red \x1b[31m")._repr_mimebundle_()


def test_layer_4_says_how_an_answer_looks(monkeypatch):
    monkeypatch.setattr(
        Answer, "show", staticmethod(lambda a: {"text/plain": str(a), "text/html": f"<b>{a}</b>"})
    )
    assert {"text/plain": "x", "text/html": "<b>x</b>"} == answer("x")._repr_mimebundle_(
        include=None, exclude=None
    )


def test_an_answer_shows_itself_once_in_a_cell_and_again_in_the_next():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        made = answer("The answer")
        shell.user_ns.update(x=made, show=lambda: setattr(made, "shown_in", shell.execution_count))

        def printed(cell):
            with capture_output() as seen:
                shell.run_cell(cell, store_history=True)
            return seen.stdout

        assert "The answer" not in printed("show()  # as the magic does\nx")
        assert "Out[2]: The answer" in printed("x")
        assert "['The answer']" in printed("[x]")
    finally:
        InteractiveShell.clear_instance()

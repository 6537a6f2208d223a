"""Are answers judged as a rubric says, without seeing the reference, and compared with it rightly?"""

from __future__ import annotations

import sys

import httpx2
import pandas as pd
import pytest

from claude_magic import Client, grade, wire
from claude_magic.errors import InputError
from claude_magic.pool import AppTransport
from claude_magic.rows.asked.inputs import rows as rows_of
from claude_magic.rows.columns.table import table
from claude_magic.rows.judged.agreement import agreement, confusion, plot_agreement
from claude_magic.rows.outcome import answered
from tests.doors import KEY, answer, json

LABELS = ["yes", "no"]


class Judge:
    """A service that judges each row by what stands in its first part: a JSON object."""

    def __init__(self):
        self.bodies = []

    def __call__(self, request):
        self.bodies.append(wire.decode_plain(request.body))
        said = self.prompts[-1].split('">\n', 1)[1].split("\n</part>")[0]
        return json(answer(content=[{"type": "text", "text": said}]))

    @property
    def prompts(self):
        return [body["messages"][-1]["content"][0]["text"] for body in self.bodies]

    def client(self):
        http = httpx2.Client(transport=AppTransport(self))
        return Client(api_key=KEY, base_url="https://api.example", max_retries=0, http_client=http)


def graded(data, rubric, reference=None, **given):
    judge = Judge()
    how = {"client": judge.client(), "model": "haiku", "progress": False, "concurrency": 1, **given}
    return grade(pd.DataFrame(data), rubric, reference, **how), judge


def score(number, why="so"):
    return f'{{"reason": "{why}", "score": {number}}}'


# ---- judging -----------------------------------------------------------------------------------------------


def test_a_text_gives_a_score_and_its_reason():
    data = {"answer": [score(5), score(2, "rude"), score(9), None]}
    found, judge = graded(data, "How polite is {it}?")
    assert ["answer", "grade_reason", "grade_score", "grade_status", "grade_error"] == [*found]
    assert ["ok", "ok", "invalid", "error"] == [*found.grade_status]
    assert ([5, 2], "rude", "Int64") == (
        [*found.grade_score[:2]],
        found.grade_reason[1],
        str(found.grade_score.dtype),
    )
    assert "How polite is {it}?\nThe score is from 1 (lowest) to 5 (highest)." in judge.prompts[0]
    assert 3 == len(judge.bodies)  # nothing is sent for the row without an answer


def test_a_dict_gives_a_column_for_each_name_with_its_reason_before_it():
    wanted = {
        "polite": "how polite it is",
        "topic": ["bug", "praise"],
        "kind": {"a": "the first", "b": "the second"},
        "stars": (0, 10),
        "right": bool,
        "tone": ("the tone", ["calm", "loud"]),
    }
    said = '"polite": 4, "topic": "bug", "kind": "b", "stars": 0, "right": true, "tone": "loud"'
    reasons = ", ".join(f'"{name}_reason": "r"' for name in wanted)
    found, judge = graded({"text": [f"{{{reasons}, {said}}}"]}, wanted)
    assert "ok" == found.grade_status[0], found.grade_error[0]
    assert {"polite": 4, "topic": "bug", "kind": "b", "stars": 0, "right": True, "tone": "loud"} == {
        name: found[f"grade_{name}"][0] for name in wanted
    }
    assert ["category", "boolean"] == [str(found[f"grade_{name}"].dtype) for name in ("topic", "right")]
    lines = judge.prompts[0].split("<rubric>\n")[1].split("\n</rubric>")[0].splitlines()
    assert [
        "- polite, from 1 (lowest) to 5 (highest): how polite it is",
        "- topic, bug or praise",
        "- kind, a or b: a: the first; b: the second",
        "- stars, from 0 (lowest) to 10 (highest)",
        "- right, true or false",
        "- tone, calm or loud: the tone",
    ] == lines
    schema = judge.bodies[0]["output_config"]["format"]["schema"]
    assert ["polite_reason", "polite", "topic_reason"] == [*schema["properties"]][:3]


def test_what_is_judged_is_the_rows_own_columns_and_the_answers_of_a_map_and_nothing_else():
    said = answered("k", answer(), source="live")
    data = rows_of(pd.DataFrame({"question": [score(3)]})).with_columns(table(None, [said], details=True))
    data["human"] = 3
    found, judge = graded(data, "Is it right?", "human")
    assert ['<part name="question">', '<part name="claude_text">'] == [
        line for line in judge.prompts[0].splitlines() if line.startswith("<part")
    ]
    again, judge = graded(found, "Is it right?", "human")
    assert [*found] == [*again] and 0 == len(judge.bodies)  # the same was judged before
    _, judge = graded(found, "Is it short?", columns="question")
    assert "claude_text" not in judge.prompts[0]


def test_a_column_that_is_only_named_status_is_judged_too():
    _, judge = graded({"text": [score(1)], "status": ["open"], "model": ["T"]}, "Is it right?")
    assert 3 == judge.prompts[0].count("<part")


@pytest.mark.parametrize(
    ("wanted", "reference", "given", "says"),
    [
        ("", None, {}, "There is no rubric"),
        ({}, None, {}, "There is no rubric"),
        (7, None, {}, "There is no rubric"),
        ({"a": 5}, None, {}, "a: 5 is nothing to judge by"),
        ({"a": ["one"]}, None, {}, "nothing to judge by"),
        ({"a": (5, 1)}, None, {}, "nothing to judge by"),
        ("Right?", "humans", {}, "There is no column humans"),
        ("Right?", {"quality": "human"}, {}, "The rubric judges no quality"),
        ({"a": LABELS, "b": LABELS}, "label", {}, "It is not said which judgement the reference is for"),
        ({"a": LABELS}, "human", {}, "The reference human holds 3, which is no judgement of a"),
        ({"a": bool}, "label", {}, "The reference label holds 'yes', which is no judgement of a"),
        ({"a": bool}, "human", {}, "holds 3, which is no judgement of a"),
        ("Right?", "label", {}, "The reference label holds 'yes', which is no judgement of score"),
        ("Right?", "human", {"columns": ["text", "human"]}, "human is a reference"),
        ("Right?", None, {"columns": ["texts"]}, "There is no column texts"),
        ("Right?", None, {"columns": []}, "There is no column to judge"),
        ("Right?", None, {"columns": ["a{b}"]}, "A prompt cannot name the column"),
    ],
)
def test_what_cannot_be_judged_is_an_error_before_anything_is_sent(wanted, reference, given, says):
    data = {"text": ["x"], "human": [3], "label": ["yes"], "a{b}": ["y"]}
    with pytest.raises(InputError, match=says) as error:
        grade(pd.DataFrame(data), wanted, reference, **given)  # there is no key
    assert error.value.hint


def test_a_keyword_that_map_does_not_have_is_named_and_those_of_a_rubric_are_its_own():
    for name in ("modle", "output", "prefixes"):
        with pytest.raises(TypeError, match=f"grade.. got an unexpected keyword argument '{name}'"):
            grade(pd.DataFrame({"text": ["x"]}), "Right?", **{name: 1})


def test_o6_judgements_of_the_practice_server_are_labelled(client):
    found = grade(pd.DataFrame({"t": ["a"], "human": [2]}), "Right?", "human", client=client, progress=False)
    assert "practice" == found.attrs["claude_magic_source"]
    assert plot_agreement(found, ax=_axes()).get_title().endswith("practice")


# ---- comparing ---------------------------------------------------------------------------------------------


def test_labels_agree_as_cohen_says():
    # his own kind of table: 20 and 15 the same, 5 and 10 not: https://en.wikipedia.org/wiki/Cohen's_kappa
    pairs = [("yes", "yes")] * 20 + [("no", "yes")] * 5 + [("yes", "no")] * 10 + [("no", "no")] * 15
    data = pd.DataFrame(pairs, columns=["human", "judge"])
    found = agreement(data, "judge", "human").iloc[0]
    assert ("judge", "human", 50, 0, 0.7) == (*found[:4], found.accuracy)
    assert 0.4 == pytest.approx(found.kappa)
    assert found[["mean_error", "correlation"]].isna().all()
    expected = pd.DataFrame([[15, 5], [10, 20]], index=["no", "yes"], columns=["no", "yes"])
    table = confusion(data, "judge", "human")
    assert expected.to_dict() == table.to_dict()
    assert ("human", "judge") == (table.index.name, table.columns.name)


def test_numbers_are_also_so_far_apart():
    data = pd.DataFrame({"judge": [1, 2, 3, 5, None], "human": [1.0, 3.0, 3.0, 3.0, 2.0]}).convert_dtypes()
    found = agreement(data, "judge", "human").iloc[0]
    assert (4, 1, 0.5, 0.25, 0.75) == (
        found.pairs,
        found.unpaired,
        found.accuracy,
        found.mean_error,
        found.mean_absolute_error,
    )
    assert data[["judge", "human"]].astype(float).corr().iloc[0, 1] == pytest.approx(found.correlation)
    assert [1, 2, 3, 5, "(none)"] == [*confusion(data, "judge", "human")]
    assert 1 == confusion(data, "judge", "human").loc[2, "(none)"]


@pytest.mark.parametrize(
    ("judge", "human", "kappa"),
    [
        (["a", "a"], ["a", "a"], None),
        ([1], [2], 0.0),
        ([True, False], [False, True], -1.0),
        ([None], ["a"], None),
    ],
)
def test_what_the_rows_do_not_allow_is_missing(judge, human, kappa):
    found = agreement(pd.DataFrame({"j": judge, "h": human}), "j", "h").iloc[0]
    assert kappa == (None if pd.isna(found.kappa) else found.kappa)
    assert pd.isna(found.correlation)


def test_a_graded_frame_knows_which_columns_are_compared():
    wanted = {"right": LABELS, "stars": (1, 5), "alone": bool}
    told = '{"right_reason": "", "right": "%s", "stars_reason": "", "stars": %d, '
    told += '"alone_reason": "", "alone": true}'
    said = [told % ("yes", 1), told % ("no", 5)]
    data = {"text": said, "human": ["yes", "yes"], "given": [2, 5]}
    found, _ = graded(data, wanted, {"right": "human", "stars": "given"})
    assert [("grade_right", "human", 0.5), ("grade_stars", "given", 0.5)] == [
        *agreement(found)[["judged", "reference", "accuracy"]].itertuples(index=False, name=None)
    ]
    assert [[0, 0], [1, 1]] == confusion(found, "grade_right").to_numpy().tolist()
    assert [0.5] == [*agreement(found, "grade_stars").accuracy]
    with pytest.raises(InputError, match="There are several judgements: grade_right, grade_stars"):
        confusion(found)
    assert pd.concat([found, found]).attrs == found.attrs  # they are plain, so that pandas can compare them


def test_columns_that_never_can_agree_and_frames_without_any_are_errors():
    data = pd.DataFrame({"j": [True, False], "h": ["yes", "no"]})
    with pytest.raises(InputError, match="j holds bool, and h texts"):
        agreement(data, "j", "h")
    with pytest.raises(InputError, match="not known which columns"):
        agreement(data)
    with pytest.raises(InputError, match="no column k"):
        agreement(data, "j", "k")


# ---- drawing -----------------------------------------------------------------------------------------------


def _axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_labels_are_drawn_as_a_table_of_counts():
    data = pd.DataFrame({"judge": ["a", "b", "b"], "human": ["a", "b", "a"]})
    ax = plot_agreement(data, "judge", "human", ax=_axes())
    assert ("judge", "human") == (ax.get_xlabel(), ax.get_ylabel())
    assert "same 0.67, kappa 0.40, 3 rows" == ax.get_title()
    assert ["1", "1", "0", "1"] == [text.get_text() for text in ax.texts]


def test_numbers_are_drawn_as_points_with_the_line_of_agreement():
    data = pd.DataFrame({"judge": [1, 2, 2], "human": [1, 3, 3]})
    ax = plot_agreement(data, "judge", "human", ax=_axes())
    assert [[1.0, 1.0], [2.0, 3.0]] == ax.collections[0].get_offsets().tolist()
    assert [[1, 1], [3, 3]] == ax.lines[0].get_xydata().tolist()


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match="matplotlib is not installed") as error:
        plot_agreement(pd.DataFrame({"j": [1], "h": [1]}), "j", "h")
    assert "Type %pip install matplotlib." == error.value.hint

"""Are the values that code names sent short, and no others?"""

from __future__ import annotations

import pandas as pd
import pytest

from claude_magic.repair import naming
from tests.shells import KEY


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("df.mean(axis=x)", ["df", "axis", "x"]),
        ("print(len(a))", ["a"]),
        ("# b\nc = 'd'", ["c"]),
        ("f'{e:.2f} {g!r}'", ["e", "g"]),
        ("for i in j:\n    pass", ["i", "j"]),
        ("for i in j\n    print(i", ["i", "j"]),
        ("x = (1,\n'open", ["x"]),
        ("%%time\nh(1)", ["time", "h"]),
        ("%timeit k(1)\nm", ["m", "timeit", "k"]),
        ("  indented\nwrong", ["indented", "wrong"]),
        ("", []),
    ],
)
def test_names_are_those_of_values(code, wanted):
    assert sorted(wanted) == sorted(n for n in naming.names(code) if n not in ("r", "f", "open"))


def sent(value, name="x") -> str:
    found, _ = naming.sent([name], {name: value})
    return found[0].text


def test_only_what_is_named_is_sent():
    found, left = naming.sent(["a", "nope", "_b"], {"a": 1, "_b": 2, "c": 3})
    assert [("a", "1", "int")] == found
    assert [] == left


def test_o3_secrets_and_the_environment_stay(monkeypatch):
    import os

    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    held = {
        "password": "hunter2",
        "api_key": KEY,
        "env": os.environ,
        "copy": dict(os.environ),
        "text": f"a {KEY}",
    }
    held["said"] = "it is correct horse battery"
    found, left = naming.sent(held, held)
    assert [] == found
    assert [*held] == left


def test_o3_a_secret_within_a_value_is_left_out_of_it():
    assert "hunter2" not in sent({"user": "anna", "password": "hunter2"})
    assert "hunter2" not in sent(pd.DataFrame({"password": ["hunter2"], "n": [1]}))


def test_values_are_short_and_all_of_them_bounded():
    assert naming.MOST + 60 > len(sent("x" * 10**6))
    many = {f"v{n}": "x" * 5_000 for n in range(40)}
    found, left = naming.sent(many, many)
    assert naming.MOST_ALL >= sum(len(one.text) for one in found)
    assert 40 == len(found) + len(left)


def test_no_file_is_opened_and_no_picture_made(tmp_path):
    import matplotlib.figure

    (tmp_path / "a.txt").write_text("walrus")
    assert "walrus" not in sent(tmp_path / "a.txt")
    figure = matplotlib.figure.Figure()
    assert "<matplotlib.figure.Figure>" == sent(figure)
    assert "b'PNG'" == sent(b"PNG")


def test_no_query_runs():
    class LazyFrame:
        def __repr__(self):
            raise AssertionError

    assert sent(LazyFrame()).endswith("LazyFrame>")


def test_a_frame_is_its_columns_a_module_its_version():
    text = sent(pd.DataFrame({"mass": [1.0, 2.0]}), "df")
    assert "- mass: " in text
    assert f"pandas {pd.__version__}" == sent(pd, "pd")
    assert "pandas.DataFrame" in sent(pd.DataFrame, "DataFrame")
    assert "statistics.mean" == sent(__import__("statistics").mean, "mean")


def test_a_value_whose_repr_fails_does_no_harm():
    class Broken:
        def __repr__(self):
            raise ValueError("no")

    found, left = naming.sent(["x", "y"], {"x": Broken(), "y": 1})
    assert "y" in [one.name for one in found]
    assert 2 == len(found) + len(left)

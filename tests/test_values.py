"""Is every kind of value shown as what it is?"""

from __future__ import annotations

import base64
import datetime
import io
import json
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from claude_magic.prompts.values import MOST_JSON, MOST_REPR, MOST_TEXT, show


def shown(value, spec=""):
    found = show(value, "v", spec)
    return found.text if found else None


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (None, "", "None"),
        (True, "", "True"),
        (np.float64(2.5), "", "2.5"),
        (np.int64(2), "04d", "0002"),
        (Decimal("0.10"), "", "0.10"),
        (datetime.date(2026, 1, 2), "%d.%m.", "02.01."),
        (pd.Timestamp("2026-01-02"), "", "2026-01-02 00:00:00"),
        ("abc", ">5", "  abc"),
        ("abc", "d", None),
        (2, "<1000000000000000000000", None),
        (2, ">99999", None),
        ([1, "é", None], "", '[1, "é", null]'),
        ({1: (2, {3})}, "", '{"1": [2, [3]]}'),
        ({"a": np.int64(1), "b": np.float32(0.5), "c": Decimal("1.5")}, "", '{"a": 1, "b": 0.5, "c": "1.5"}'),
        ([1], "head", None),
        (np.array([1, 2]), "", "[1 2]"),
        (np.array([1, 2]), "head", None),
        (b"abc", "", "b'abc'"),
        (len, "", "<built-in function len>"),
        (SimpleNamespace(a=1), "", "namespace(a=1)"),
        (pd.Series([7, 8], name="n"), "head 1", ",n\n0,7"),
    ],
)
def test_a_value_is_shown_as_it_reads(value, spec, expected):
    assert expected == shown(value, spec)


def test_a_function_is_its_source():
    def double(x):
        return 2 * x

    assert "return 2 * x" in shown(double)


def test_what_is_named_like_a_secret_in_a_dict_is_left_out():
    found = shown([{"host": "h", "db": {"password": "hunter2", "port": 5, "key": "k1"}}])
    assert "hunter2" not in found
    assert "k1" not in found
    assert "left out: named like a secret" in found
    assert '"port": 5' in found


@pytest.mark.parametrize(
    ("value", "most"),
    [
        ("x" * 500_000, MOST_TEXT),
        (list(range(100_000)), MOST_JSON),
        ({str(n): "x" * 100 for n in range(100_000)}, MOST_JSON),
        (SimpleNamespace(a="x" * 50_000), MOST_REPR),
    ],
    ids=["text", "list", "dict", "repr"],
)
def test_a_large_value_is_bounded_and_says_so(value, most):
    found = shown(value)
    assert most + 60 >= len(found)
    assert "left out]" in found


def test_a_large_array_has_its_shape_and_range():
    found = shown(np.arange(10_000).reshape(100, 100))
    assert "array 100×100 int64; min 0, mean 4999.5, max 9999" == found.splitlines()[0]
    assert MOST_REPR + 120 >= len(found)


def test_values_that_hold_themselves_or_cannot_be_shown_are_shown_somehow():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    loop: list = []
    loop.append(loop)
    assert "[" in shown(loop)
    assert "<Broken, whose repr raised RuntimeError>" == shown(Broken())
    assert "Broken" in shown({"a": [Broken()]})


class Thing:
    pass


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        (Thing(), ""),
        (Thing().__init__, ""),
        (eval("lambda: Thing"), ""),
        ((Thing for _ in ()), ""),
        ([Thing()], ""),
        ({"a": Thing(), Thing(): 1}, ""),
        ({Thing()}, ""),
        (SimpleNamespace(a=Thing()), ""),
        (np.array([Thing()]), ""),
        (pd.Series([Thing()]), ""),
        (pd.DataFrame({"a": [Thing()]}), ""),
        (pd.DataFrame({"a": [Thing()]}), "csv"),
        (ValueError(Thing()), ""),
    ],
)
def test_m9_where_in_memory_a_value_lies_is_not_shown(value, spec):
    assert " at 0x" not in shown(value, spec)


@pytest.mark.parametrize("text", ["<Thing object at 0x7f1234567890>", "it died at 0x7f1234567890, <b>"])
def test_a_text_that_speaks_of_an_address_stays_as_it_is(text):
    assert text == shown(text)
    assert text == json.loads(shown({"a": [text]}))["a"][0]


def test_m9_a_set_is_shown_in_order_and_its_numbers_by_size():
    assert '["a", "b", "c", "d"]' == shown({"d", "b", "c", "a"})
    assert "[2, 10, null]" == shown({10, None, 2})


def test_m9_the_process_of_a_kernel_is_not_in_an_error():
    made = {}
    exec(compile("def fail(): 1/0", "/tmp/ipykernel_4321/765.py", "exec"), made)
    with pytest.raises(ZeroDivisionError) as raised:
        made["fail"]()
    assert 'File "765.py", line 1, in fail' in shown(raised.value)
    assert "4321" not in shown(raised.value)


def test_figures_axes_and_pictures_are_images():
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    for value in (figure, axes, Image.new("CMYK", (5, 5))):
        found = show(value, "v")
        assert "image/png" == found.block["source"]["media_type"]
        assert base64.b64decode(found.block["source"]["data"]).startswith(b"\x89PNG")


def test_bytes_and_displayed_images_are_known_by_their_first_bytes():
    from IPython.display import Image as Displayed
    from PIL import Image

    drawn = io.BytesIO()
    Image.new("RGB", (5, 5)).save(drawn, "PNG")
    for value in (drawn.getvalue(), Displayed(data=drawn.getvalue())):
        assert "image 5×5" == show(value, "v").what
    assert "PDF, 0.0 MB" == show(b"%PDF-1.7 x", "v").what


@pytest.mark.parametrize(
    ("value", "spec", "what"),
    [
        ("x" * 400_001, "", "text, first 400,000 of 400,001 characters sent"),
        (["x" * 15_000] * 2, "", "list of 2, first 20,000 of 30,012 characters sent"),
        (list(range(501)), "", "list of 501, first 500 sent"),
        ({"a": {"password": "p"}}, "", "dict of 1, password held back as named like a secret"),
        (np.zeros(2000), "", "array 2000 float64, its ends sent"),
        (pd.DataFrame({"pwd": ["p"]}), "csv", "DataFrame 1×1, pwd held back as named like a secret"),
        (pd.DataFrame(np.zeros((1, 50))), "", "DataFrame 1×50, 10 columns left out"),
    ],
    ids=["text", "JSON", "list", "secret", "array", "column", "wide"],
)  # fmt: skip
def test_a_label_says_what_is_not_sent(value, spec, what):
    shown = show(value, "x", spec)
    assert (what, True) == (shown.what, shown.partly)

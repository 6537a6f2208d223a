"""Does a drawing become a picture without anything being fetched, and else an honest text?"""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from claude_magic.prompts import figures
from claude_magic.prompts.figures import MOST_JSON


class Plot:
    """What is used of a figure of plotly."""

    def __init__(self, kind="scatter", y=(1, 2), **layout):
        self.spec = {"data": [{"type": kind, "y": np.array(y)}], "layout": layout}

    def to_plotly_json(self):
        return self.spec


class Chart:
    """What is used of a chart of altair."""

    def to_dict(self):
        return {
            "$schema": "https://vega.github.io/x.json",
            "config": {},
            "mark": "bar",
            "data": {"values": [1]},
        }


@pytest.fixture
def altair(monkeypatch):
    """Give the part of altair that lets a chart have many rows."""
    import contextlib

    enable = lambda *_, **__: contextlib.nullcontext()  # noqa: E731
    monkeypatch.setitem(
        sys.modules, "altair", SimpleNamespace(data_transformers=SimpleNamespace(enable=enable))
    )


def exporter(monkeypatch, name, **functions):
    module = ModuleType(name)
    module.__spec__ = SimpleNamespace(name=name)  # type: ignore[assignment] # find_spec looks for one
    for key, function in functions.items():
        setattr(module, key, function)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_figure_that_nothing_can_draw_is_its_json(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    monkeypatch.setattr(figures, "_installed", lambda name: False)
    drawn = figures.plotly(Plot(title="T", template={"data": {"scattergeo": [{"type": "scattergeo"}]}}))
    assert {"data": [{"type": "scatter", "y": [1, 2]}], "layout": {"title": "T"}} == json.loads(drawn.text)
    assert "plotly figure as JSON, for a picture: %pip install kaleido" == drawn.what


def test_the_exporter_draws_a_figure_and_is_told_not_to_fetch(monkeypatch):
    calls = []
    exporter(monkeypatch, "kaleido", calc_fig_sync=lambda *a, **k: calls.append(k) or b"\x89PNG")
    assert b"\x89PNG" == figures.plotly(Plot()).picture
    assert {"mathjax": False} == calls[0]["kopts"]


@pytest.mark.parametrize(
    "plot", [Plot("scattergeo"), Plot("choroplethmapbox"), Plot(images=["https://x.org/a.png"])]
)
def test_what_would_be_fetched_for_is_not_drawn(plot, monkeypatch):
    exporter(monkeypatch, "kaleido", calc_fig_sync=lambda *_, **__: pytest.fail("drawn"))
    assert "plotly figure as JSON, as it would fetch something" == figures.plotly(plot).what


def test_an_exporter_that_fails_is_no_reason_to_stop(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no browser")

    exporter(monkeypatch, "kaleido", calc_fig_sync=fail)
    assert "plotly figure as JSON, as kaleido could not draw it" == figures.plotly(Plot()).what


def test_a_long_figure_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(figures, "_installed", lambda name: False)
    drawn = figures.plotly(Plot(y=range(50_000)))
    assert MOST_JSON + 60 > len(drawn.text)
    assert f"first {MOST_JSON:,} of " in drawn.what


def test_a_chart_is_drawn_by_vl_convert_which_may_fetch_nothing(altair, monkeypatch):
    calls = []
    exporter(monkeypatch, "vl_convert", vegalite_to_png=lambda *a, **k: calls.append(k) or b"\x89PNG")
    assert b"\x89PNG" == figures.altair(Chart()).picture
    assert [] == calls[0]["allowed_base_urls"]


def test_a_chart_without_vl_convert_is_its_json(altair, monkeypatch):
    monkeypatch.setattr(figures, "_installed", lambda name: False)
    drawn = figures.altair(Chart())
    assert {"mark": "bar", "data": {"values": [1]}} == json.loads(drawn.text)
    assert "altair chart as JSON, for a picture: %pip install vl-convert-python" == drawn.what


def test_the_real_libraries_where_they_are_installed():
    go = pytest.importorskip("plotly.graph_objects")
    spec = json.loads(figures.plotly(go.Figure(go.Scattergeo(lat=[1], lon=[2]))).text)
    assert ("scattergeo", [1]) == (spec["data"][0]["type"], list(spec["data"][0]["lat"]))

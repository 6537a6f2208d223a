"""How does a drawing become a picture, or where nothing here can draw it, a text?

matplotlib draws its own. Figures of plotly and altair are drawn by what those libraries export with, kaleido
and vl-convert, where it is installed and nothing would have to be fetched for it; else their JSON is sent.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import re
import sys
from typing import Any, NamedTuple

from claude_magic.prompts.tables import cut

MOST_JSON = 20_000  # characters of a figure that is not drawn
FETCHES = re.compile(r'https?://|"type": "(?:scattergeo|choropleth\w*|(?:scatter|density)map\w*)"')
"""Pictures by address, and traces on maps: what kaleido's browser would go to the network for."""
SCALE = 2  # pixels to a point, so that small print can be read


class Drawn(NamedTuple):
    """A drawing as a `picture` in PNG, or as `text`; `what` says whose, and why it is no picture."""

    what: str
    picture: bytes = b""
    text: str = ""
    partly: bool = False


def matplotlib(figure: Any) -> bytes:
    """Return a figure of matplotlib as PNG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    return drawn.getvalue()


def plotly(figure: Any) -> Drawn:
    """Return a figure of plotly, drawn by kaleido."""
    spec = json.loads(json.dumps(figure.to_plotly_json(), default=_readable))
    spec.get("layout", {}).pop("template", None)  # how all such figures look; its maps are only there in case
    fetches = FETCHES.search(json.dumps(spec))
    why = "as it would fetch something" if fetches else "for a picture: %pip install kaleido"
    if not fetches and _installed("kaleido"):
        why = "as kaleido could not draw it"
        with contextlib.suppress(Exception):  # no browser, an old kaleido: whatever the exporter raises
            kaleido = importlib.import_module("kaleido")
            how = {"format": "png", "scale": SCALE}
            drawn = kaleido.calc_fig_sync(figure, opts=how, kopts={"mathjax": False})
            return Drawn("plotly figure", bytes(drawn))
    return _as_json("plotly figure", spec, why)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _readable(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def altair(chart: Any) -> Drawn:
    """Return a chart of altair, drawn by vl-convert, which is forbidden to fetch."""
    with sys.modules["altair"].data_transformers.enable("default", max_rows=None):
        spec = chart.to_dict()
    why = "for a picture: %pip install vl-convert-python"
    if _installed("vl_convert"):
        why = "as vl-convert could not draw it without fetching"
        with contextlib.suppress(Exception):  # whatever the exporter raises
            convert = importlib.import_module("vl_convert").vegalite_to_png
            return Drawn("altair chart", bytes(convert(spec, scale=SCALE, allowed_base_urls=[])))
    return _as_json("altair chart", spec, why)


def _as_json(what: str, spec: dict[str, Any], why: str) -> Drawn:
    """Return a drawing's own JSON, bounded, without what only says how all such drawings look."""
    text = json.dumps({k: v for k, v in spec.items() if k not in ("$schema", "config")}, ensure_ascii=False)
    label = f"{what} as JSON, {why}"
    if len(text) > MOST_JSON:
        label += f"; first {MOST_JSON:,} of {len(text):,} characters sent"
    return Drawn(label, text=cut(text, MOST_JSON), partly=True)

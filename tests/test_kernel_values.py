"""Does each kind of value leave a real kernel as what it is? What is looked at is what came to a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from claude_magic.app import Request, Response
from claude_magic.practice import Practice
from tests.conftest import Kernel, started
from tests.ports import on_a_port

pytestmark = pytest.mark.kernel

CHARACTERS = "{os.environ['HOME']} {os.environ[\"SECRET_TOKEN\"]} {df} {{x}} {__import__('os')}"
SETUP = """
import dataclasses, datetime, os, pathlib
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt, numpy as np, pandas as pd
from PIL import Image

df = pd.DataFrame({"size": [1.5, 2.5, None], "kind": ["a", "b", "a"]}, index=pd.Index([7, 8, 9], name="id"))
tricky = pd.DataFrame({"text": [CHARACTERS]})
fig, (left, right) = plt.subplots(1, 2)
picture = Image.new("RGB", (30, 20))

@dataclasses.dataclass
class Person:
    name: str
    password: str

person = Person("Ann", "hunter2")
pathlib.Path("notes.txt").write_text("The tide was high.")
pathlib.Path("rows.csv").write_text("a,b\\n1,2\\n")
pathlib.Path("paper.pdf").write_bytes(b"%PDF-1.4 /Type /Page")
picture.save("one.png"); picture.save("two.png")
notes, paper, folder = pathlib.Path("notes.txt"), pathlib.Path("paper.pdf"), pathlib.Path(".")
figures, long = [fig, picture], "tide " * 3
"""


class Seen:
    """The practice server behind a port, and what it was asked."""

    def __init__(self) -> None:
        self.app, self.bodies = Practice(), list[dict[str, Any]]()

    def __call__(self, request: Request) -> Response:
        if request.path == "/v1/messages":
            self.bodies.append(json.loads(request.body))
        return self.app(request)


class Asked:
    """A kernel that asks a server, and what arrives there."""

    def __init__(self, kernel: Kernel, seen: Seen) -> None:
        self.kernel, self.seen = kernel, seen

    def __call__(self, prompt: str, flags: str = "") -> list[dict[str, Any]]:
        """Return the content blocks that came of a cell."""
        before = len(self.seen.bodies)
        outcome = self.kernel.run(f"%%claude --no-history {flags}\n{prompt}")
        assert outcome.error is None, outcome.error
        assert before + 1 == len(self.seen.bodies)
        return list(self.seen.bodies[-1]["messages"][-1]["content"])

    def text(self, prompt: str) -> str:
        """Return the one text that came of a cell."""
        (block,) = self(prompt)
        return str(block["text"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Start a kernel with one value of each kind in it."""
    seen = Seen()
    with (
        on_a_port(seen) as url,
        started(
            tmp_path_factory.mktemp("values"), ANTHROPIC_BASE_URL=url, CLAUDE_MAGIC_PRACTICE="0"
        ) as kernel,
    ):
        kernel.run("%env ANTHROPIC_API_KEY=practice-key")
        outcome = kernel.run(f"CHARACTERS = {CHARACTERS!r}\n{SETUP}")
        assert outcome.error is None, outcome.error
        yield Asked(kernel, seen)


def test_o3_a_cell_of_a_frame_that_looks_like_code_arrives_as_those_very_characters(asked):
    quoted = CHARACTERS.replace('"', '""')  # as CSV writes a quotation mark
    assert f'\n0,"{quoted}"\n' in asked.text("{tricky:csv}")
    assert CHARACTERS in asked.text("{CHARACTERS}")
    assert CHARACTERS in asked.text("{tricky}").replace('""', '"')


def test_o3_the_environment_does_not_leave_the_kernel(asked):
    before = len(asked.seen.bodies)
    for prompt in ('{os.environ["HOME"]}', "{os.environ}", "{person.password}"):
        outcome = asked.kernel.run(f"%%claude --no-history\n{prompt}")
        assert "nothing was sent" in outcome.error["evalue"]
    assert before == len(asked.seen.bodies)


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        (
            "{df}",
            ["3 rows × 2 columns", "- size: float64; 1 missing; min 1.5, mean 2, max 2.5", "id,size,kind"],
        ),
        ("{df:head 1}", ["id,size,kind\n7,1.5,a\n</value>"]),
        ("{df:tail 1}", ["id,size,kind\n9,,a\n</value>"]),
        ("{df:schema}", ["- kind: str; 2 distinct: a, b\n</value>"]),
        ("{df.size}, {df.shape}", ["6, [3, 2]"]),
        ("{df.kind}", ['type="Series of 3"', "- kind: str; 2 distinct: a, b"]),
        ("{df.index}", ['type="Index of 3"', "- id: int64; min 7, mean 8, max 9"]),
        ("{person}", ['{"name": "Ann", "password": "[left out: named like a secret]"}']),
        ("{long} and {{long}}", ["tide tide tide  and {long}"]),
    ],
)
def test_a_value_arrives_as_text(asked, prompt, parts):
    text = asked.text(prompt)
    assert [] == [part for part in parts if part not in text]


def test_arrays_outputs_and_inputs_arrive_too(asked):
    asked.kernel.run("np.arange(6).reshape(2, 3)")
    number = asked.kernel.run("6 * 7").of("execute_result")[0]["execution_count"]
    assert "42 is from 6 * 7" == asked.text(f"{{Out[{number}]}} is from {{In[{number}]}}")
    assert "array 2×3 int64; min 0, mean 2.5, max 5" in asked.text(f"{{Out[{number - 1}]}}")


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("{fig}", ["image"]),
        ("See {left} here", ["text", "image", "text"]),
        ("{picture}", ["image"]),
        ("{figures}", ["image", "image"]),
        ("{paper}", ["document"]),
        ("{notes}", ["text"]),
    ],
)
def test_pictures_and_documents_arrive_as_blocks_in_their_place(asked, prompt, kinds):
    assert kinds == [block["type"] for block in asked(prompt)]


def test_a_figure_arrives_as_a_picture_that_can_be_opened(asked):
    (block,) = asked("{fig}")
    assert base64.b64decode(block["source"]["data"]).startswith(b"\x89PNG")


def test_a_folder_is_refused_with_a_hint(asked):
    outcome = asked.kernel.run("%%claude --no-history\n{folder}")
    assert "is a folder" in outcome.error["evalue"]
    assert "--attach" in "".join(outcome.error["traceback"])


def test_several_files_a_variable_and_a_pattern_are_attached_at_once(asked):
    kinds = [
        block["type"] for block in asked("What?", "--attach '*.png' --attach {figures} --attach rows.csv")
    ]
    assert ["image"] * 4 + ["text", "text"] == kinds


def test_what_is_attached_can_be_cited(asked):
    blocks = asked("What of the tide?", "--attach notes.txt --attach paper.pdf --attach {long} --citations")
    documents = [block for block in blocks if block["type"] == "document"]
    assert ["notes.txt", "paper.pdf", "long"] == [block["title"] for block in documents]
    assert [{"enabled": True}] * 3 == [block["citations"] for block in documents]


def test_an_answer_that_cites_has_numbers_and_notes(asked):
    outcome = asked.kernel.run("%%claude --no-history --attach notes.txt --citations\nWhat of the tide?")
    assert "The tide was high.¹" in outcome.text
    assert "¹ notes.txt, characters 1–18: “The tide was high.”" in outcome.text
    assert "notes.txt, characters 1–18: <q>The tide was high.</q>" in outcome.html


def test_once_a_document_is_cited_those_of_later_turns_are_too(asked):
    asked.kernel.run("%%claude -t cited --attach notes.txt --citations\nWhat?")
    asked.kernel.run("%%claude -t cited --attach paper.pdf\nAnd this?")
    blocks = [b for m in asked.seen.bodies[-1]["messages"] for b in m["content"] if b["type"] == "document"]
    assert [{"enabled": True}] * 2 == [block["citations"] for block in blocks]


def test_the_request_is_shown_and_sent_or_with_a_dry_run_only_shown(asked):
    before = len(asked.seen.bodies)
    shown = asked.kernel.run("%%claude --no-history --show-request -s Briefly\n{df} and {picture}")
    assert before + 1 == len(asked.seen.bodies)
    dry = asked.kernel.run("%%claude --no-history --show-request --dry-run -s Briefly\n{df} and {picture}")
    assert before + 1 == len(asked.seen.bodies)
    for outcome in (shown, dry):
        text = outcome.outputs[0]["data"]["text/plain"]
        assert "Request to claude-haiku-5-5: about " in text
        assert "  df: DataFrame 3×2 " in text
        assert '"data": "[' in text
        assert "<details" in outcome.outputs[0]["data"]["text/html"]

"""Does a frame become a file with all of its rows, and without what is secret?"""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pandas as pd
import pytest

from claude_magic.errors import InputError
from claude_magic.prompts import framefiles, media, prompt
from tests.shells import KEY

ROWS = pd.DataFrame({"a": range(344), "b": 1.5})


def read(block) -> str:
    return Path(media.waiting(block).path).read_text()


def test_all_rows_are_in_the_file_under_the_name_of_the_frame():
    (block, what), partly = framefiles.part(ROWS, "penguins")
    assert ROWS.equals(pd.read_csv(io.StringIO(read(block))))
    assert "penguins.csv" == block["title"]
    assert ("all 344 rows as csv" in what, partly) == (True, False)


def test_only_this_account_can_read_it_and_the_same_is_written_once():
    one, other = (media.waiting(framefiles.part(ROWS, "x")[0].block).path for _ in range(2))
    assert one == other
    assert 0o700 == stat.S_IMODE(Path(one).parents[1].stat().st_mode)


def test_a_column_named_like_a_secret_is_left_out_and_it_is_said():
    (block, what), partly = framefiles.part(ROWS.assign(password="x"), "people")
    assert "password" not in read(block)
    assert ("password held back" in what, partly) == (True, True)


def test_m9_where_in_memory_a_cell_lies_is_not_in_it():
    assert "a\n<object object>\n" == read(framefiles.part(pd.DataFrame({"a": [object()]}), "x")[0].block)


def test_a_key_in_it_is_refused():
    with pytest.raises(InputError, match="shaped like a key"):
        framefiles.part(pd.DataFrame({"a": [KEY]}), "x")


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries_are_files_too(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame({"a": [1, 2]}) if library == "polars" else module.table({"a": [1, 2]})
    assert "a\n1\n2\n" == read(framefiles.part(frame, "x")[0].block)


# ---- in a prompt -------------------------------------------------------------------------------------------


def test_with_code_an_attached_frame_is_a_file_and_the_label_says_so():
    made = prompt.render("Make a workbook", {"penguins": ROWS}, attach=["{penguins}"], code=True)
    assert "container_upload" == media.waiting(made.blocks[0]).block
    assert "all 344 rows as csv, 2.6 kB, for code" == made.used["penguins.csv"]
    assert [] == made.hints


def test_a_frame_attached_in_python_is_a_file_too():
    made = prompt.render("Make a workbook", {}, attach=[ROWS], code=True)
    assert "container_upload" == media.waiting(made.blocks[0]).block


def test_without_code_an_attached_frame_is_text():
    made = prompt.render("What is it?", {"penguins": ROWS}, attach=["{penguins}"])
    assert ["text", "text"] == [block["type"] for block in made.blocks]


def test_with_code_a_frame_in_the_prompt_says_how_many_rows_are_sent_and_how_to_send_all():
    (hint,) = prompt.render("Make a workbook of {penguins}", {"penguins": ROWS}, code=True).hints
    assert "10 of 344 rows" in hint
    assert "{penguins:csv} sends all" in hint
    assert "--attach {penguins}" in hint


@pytest.mark.parametrize(
    ("text", "frame", "attach"),
    [("{x:csv}", ROWS, []), ("{x}", ROWS[:5], []), ("{x}", ROWS, ["{x}"])],
)
def test_nothing_is_said_where_all_rows_are_sent(text, frame, attach):
    assert [] == prompt.render(text, {"x": frame}, attach=attach, code=True).hints


def test_nothing_is_said_of_a_sample_without_code():
    assert [] == prompt.render("{x}", {"x": ROWS}).hints

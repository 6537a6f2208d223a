"""Does a frame become the kind of file that its name says, or one clear error?"""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from claude_magic.errors import InputError
from claude_magic.protocol import body

FRAME = pd.DataFrame({"a": [1, 2]})


def content(name: str | None, frame: pd.DataFrame = FRAME) -> bytes:
    return b"".join(body.part(frame, name).content.pieces())


@pytest.mark.parametrize("name", ["p.csv", "P.CSV", "p.txt", "p", None])
def test_a_frame_is_csv_unless_its_name_says_otherwise(name):
    assert b"a\n1\n2\n" == content(name)
    assert b"i,a\nx,1\n" == content(name, FRAME[:1].set_axis(["x"]).rename_axis("i"))


@pytest.mark.parametrize("name", ["p.docx", "p.xls", "p.json"])
def test_a_name_of_a_kind_that_a_frame_cannot_be_is_refused(name):
    with pytest.raises(InputError, match=f"cannot be written as {name}") as caught:
        body.part(FRAME, name)
    assert "end in .csv, .parquet or .xlsx" in caught.value.hint


def test_a_name_in_xlsx_is_a_real_workbook():
    pytest.importorskip("openpyxl")
    assert FRAME.equals(pd.read_excel(io.BytesIO(content("p.xlsx"))))


class WithoutPackage:
    def to_excel(self, file: Any) -> None:
        raise ModuleNotFoundError("No module named 'openpyxl'", name="openpyxl")


def test_what_is_missing_to_write_a_file_is_said():
    with pytest.raises(InputError, match=r"cannot be written as p\.xlsx: No module named") as caught:
        body.part(WithoutPackage(), "p.xlsx")
    assert "%pip install openpyxl" in caught.value.hint

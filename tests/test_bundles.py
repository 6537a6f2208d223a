"""Is a skill's folder sent as it is, with nothing of what lies around in it?"""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from claude_magic.errors import InputError
from claude_magic.protocol import body, bundles

SKILL = b"---\nname: tides\ndescription: Read tide tables.\n---\n"


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    """A skill's folder, with what work leaves behind."""
    folder = tmp_path / "tides ü"
    for name in (
        "SKILL.md",
        "src/read.py",
        ".env",
        ".git/config",
        "src/__pycache__/read.pyc",
        "src/.DS_Store",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(SKILL)
    return folder


def names(files: object) -> list[str]:
    return [part.filename for part in bundles.parts(files)]


def test_a_folder_is_sent_under_its_name_without_hidden_files_and_caches(skill, monkeypatch):
    wanted = ["tides ü/SKILL.md", "tides ü/src/read.py"]
    monkeypatch.chdir(skill)
    for given in (skill, str(skill), ".", "../tides ü"):
        assert wanted == names(given)
    assert SKILL == b"".join(bundles.parts(skill)[0].content.pieces())


def test_files_in_a_list_keep_the_folders_of_their_relative_paths(skill, monkeypatch):
    monkeypatch.chdir(skill.parent)
    given = [
        "tides ü/SKILL.md",
        Path("tides ü/src/read.py"),
        ("tides/x.md", b""),
        body.part(b"", "tides/y.md"),
    ]
    assert ["tides ü/SKILL.md", "tides ü/src/read.py", "tides/x.md", "tides/y.md"] == names(given)
    assert ["SKILL.md"] == names([skill / "SKILL.md"])
    assert ["tides ü/SKILL.md"] == names(name for name in given[:1])


def test_a_zip_is_sent_as_it_is_from_a_path_an_open_file_or_bytes(tmp_path):
    path = tmp_path / "tides.zip"
    path.write_bytes(b"PK")
    with path.open("rb") as file:
        for given in (path, str(path), file, ("tides.zip", b"PK")):
            (part,) = bundles.parts(given)
            assert ("tides.zip", b"PK") == (part.filename, b"".join(part.content.pieces()))
    assert ["upload"] == names(b"PK")
    assert ["upload"] == names(io.BytesIO(b"PK"))


def test_a_folder_without_its_description_is_refused(skill):
    with pytest.raises(InputError, match=r"There is no SKILL\.md in"):
        bundles.parts(skill / "src")


def test_a_folder_that_is_too_large_is_refused(skill, monkeypatch):
    monkeypatch.setattr(bundles, "MOST", 2 * len(SKILL))
    with pytest.raises(InputError, match="a skill is less than 30 MB"):
        bundles.parts(skill)


def test_a_link_that_leads_out_of_the_folder_is_refused(skill, tmp_path):
    (tmp_path / "secret").write_text("x")
    (skill / "notes.md").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="leads out of the skill's folder"):
        bundles.parts(skill)


@pytest.mark.parametrize("given", [None, 5])
def test_what_is_no_skill_is_one_clear_error(given):
    with pytest.raises(InputError, match="is no skill"):
        bundles.parts(given)

"""Is what is called by its name found, and is nothing picked of several of one name?"""

from __future__ import annotations

import httpx2
import pytest

from claude_magic.api import called
from claude_magic.api.client import Client
from claude_magic.errors import InputError
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice

SKILL = "---\nname: house-style\ndescription: How tables are written.\n---\nBe tidy.\n"


@pytest.fixture
def client() -> Client:
    http = httpx2.Client(transport=AppTransport(Practice()))
    return Client(base_url="http://localhost:1", api_key="practice-key", http_client=http)


def skill(client, tmp_path, name):
    folder = tmp_path / "house-style"
    folder.mkdir(exist_ok=True)
    (folder / "SKILL.md").write_text(SKILL)
    return client.skills.create(files=folder, **({"display_name": name} if name else {})).id


def test_a_file_is_found_by_its_name(client):
    made = client.files.upload(b"a", filename="foo.csv")
    assert made.id == called.file(client, "foo.csv") == called.file(client, "FOO.CSV")
    assert "file_practice_999999" == called.file(client, "file_practice_999999")


def test_what_is_written_the_same_goes_before_what_differs_in_capitals(client):
    client.files.upload(b"a", filename="FOO.csv")
    made = client.files.upload(b"a", filename="foo.csv")
    assert made.id == called.file(client, "foo.csv")


def test_several_of_one_name_are_refused_with_their_ids(client):
    ids = [client.files.upload(b"a", filename="foo.csv").id for _ in range(7)]
    with pytest.raises(InputError, match=r"7 files are called 'foo.csv'") as caught:
        called.file(client, "foo.csv")
    assert ids[-1] in caught.value.message
    assert "and 2 more" in caught.value.message
    assert ids[-1] in caught.value.hint


def test_a_name_that_is_not_there_names_the_nearest(client):
    client.files.upload(b"a", filename="penguins.csv")
    with pytest.raises(InputError, match=r"no file 'pengiuns.csv'") as caught:
        called.file(client, "pengiuns.csv")
    assert ("Did you mean penguins.csv?" in caught.value.hint, "%claude files" in caught.value.hint) == (
        True,
        True,
    )


@pytest.mark.parametrize("word", ["House", "house", "house-style"])
def test_a_skill_is_found_by_its_display_name_and_by_the_name_in_it(word, client, tmp_path):
    made = skill(client, tmp_path, "House")
    assert made == called.skill(client, word)


def test_anthropics_skills_are_their_own_ids(client):
    assert "xlsx" == called.skill(client, "xlsx")


@pytest.mark.parametrize("word", ["House", "house-style"])
def test_several_skills_of_one_name_are_refused_too(word, client, tmp_path):
    ids = {skill(client, tmp_path, "House") for _ in range(2)}
    with pytest.raises(InputError, match=f"2 skills are called '{word}'") as caught:
        called.skill(client, word)
    assert all(one in caught.value.message for one in ids)

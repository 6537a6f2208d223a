"""Do %claude files, skills, batches and admin do what their verbs say, and ask before they destroy?"""

from __future__ import annotations

import builtins
import getpass
import json
import os
import re
import time
import zipfile
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from IPython.core.error import StdinNotImplementedError

from claude_magic import admin, keys, settings
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.show import listings
from claude_magic.talk import current, uploads
from tests.shells import KEY, Shell

SKILL = "---\nname: tidy-tables\ndescription: Makes tables tidy.\n---\nBe tidy.\n"
ADMIN = "sk-ant-admin01-" + "0aB-_" * 12 + "LAST"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Give each test a practice server of its own as the session's, by a clock that the test moves."""
    now = [time.time()]
    server = Practice(clock=lambda: now[0])
    http = httpx2.Client(transport=AppTransport(server))
    monkeypatch.setattr("claude_magic.pool.shared", lambda _url: http)
    listings.seen.clear()
    return now


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("species,mass\nAdelie,3700\nGentoo,5076\n")
    (tmp_path / "skill").mkdir()
    (tmp_path / "skill" / "SKILL.md").write_text(SKILL)
    return tmp_path


def said(shell: Shell, line: str):
    result = shell.run(f"%claude {line}")
    assert result.success, result.seen
    return result.result


def kept(shell: Shell, name: str, line: str):
    assert shell.run(f"{name} = %claude {line}").success
    return shell[name]


# ---- files -------------------------------------------------------------------------------------------------


def test_a_file_goes_up_is_listed_described_and_deleted(shell, here):
    made = kept(shell, "f", "files upload data.csv")
    assert "file_practice_000001" == made.id
    assert made == said(shell, "files get {f.id}")
    frame = kept(shell, "x", "files")
    assert ["data.csv"] == list(frame.filename)
    assert "Deleted: file_practice_000001" == said(shell, "files delete {x.index} --yes")
    assert 0 == len(said(shell, "files list"))


def test_an_upload_takes_a_name_and_a_frame(shell, here):
    shell.run("import pandas as pd; penguins = pd.DataFrame({'mass': [3700]})")
    assert "penguins.csv" == kept(shell, "f", "files upload {penguins}").filename
    assert "b.csv" == kept(shell, "f", "files upload data.csv --as b.csv").filename
    assert (
        "%claude" in shell.error("%claude files get {nothing}").hint
        or "nothing" in shell.error("%claude files get {nothing}").message
    )


FILES = ["filename", "size_bytes", "downloadable", "created (UTC)", "expires (UTC)"]


def test_a_list_is_a_frame_whose_columns_are_always_the_same_and_whose_times_are_exact(shell, here):
    assert FILES == list(said(shell, "files"))
    current.client().files.upload(here / "data.csv", expires_in_seconds=3_601)
    frame = said(shell, "files")
    assert FILES == list(frame)
    kept = frame["expires (UTC)"].iloc[0] - frame["created (UTC)"].iloc[0]
    assert 3_601 == kept.total_seconds()
    assert ["string", "Int64", "boolean"] == [str(kind) for kind in frame.dtypes[:3]]


def test_a_list_is_shown_by_the_columns_that_say_something(shell, here):
    said(shell, "files upload data.csv")
    shell.run("%%claude --skill xlsx\nMake an Excel file")
    frame = said(shell, "files")
    head, *rows = repr(frame).splitlines()
    assert ["id", "filename", "size_bytes", "downloadable", "created", "(UTC)"] == head.split()
    assert ["yes", "no"] == [row.split()[3] for row in rows]
    assert 90 > max(map(len, repr(frame).splitlines()))


def test_an_empty_list_has_its_columns(shell):
    frame = said(shell, "batches")
    assert (0, "status") == (len(frame), frame.columns[0])


def test_a_made_file_is_fetched_and_an_uploaded_one_is_not(shell, here):
    shell.run("%%claude --skill xlsx\nMake an Excel file")
    path = kept(shell, "p", "files download {_claude.files[0]} report.xlsx")
    assert zipfile.is_zipfile(path)
    assert "practice.xlsx" == said(shell, "files download {_claude.files[0]}").name
    made = kept(shell, "f", "files upload data.csv")
    error = shell.error(f"%claude files download {made.id}")
    assert "data.csv was uploaded" in error.message


def test_a_deleted_file_is_no_longer_taken_for_uploaded(shell, here, monkeypatch):
    gone = []
    monkeypatch.setattr(uploads, "forget", lambda ids: gone.extend(ids))
    kept(shell, "f", "files upload data.csv")
    said(shell, "files delete {f} --yes")
    assert ["file_practice_000001"] == gone


def test_a_name_stands_for_a_file_and_is_refused_where_several_have_it(shell, here):
    made = kept(shell, "f", "files upload data.csv")
    assert made.id == said(shell, "files get data.csv").id
    again = kept(shell, "g", "files upload data.csv")
    error = shell.error("%claude files delete data.csv --yes")
    assert (made.id in error.message, again.id in error.message) == (True, True)
    assert f"Deleted: {again.id}" == said(shell, "files delete {g} -y")
    assert f"Deleted: {made.id}" == said(shell, "files delete data.csv -y")


def test_a_text_that_is_no_table_goes_up_so_that_claude_can_read_it(shell, here):
    (here / "README.md").write_text("# Penguins\n")
    assert "text/plain" == kept(shell, "f", "files upload README.md").mime_type
    assert "text/csv" == kept(shell, "g", "files upload data.csv").mime_type
    assert shell.run("%%claude --attach {f}\nWhat is it about?").success
    error = shell.run("%%claude --attach {g}\nWhat is it about?").error_in_exec
    assert "--attach data.csv" in error.hint


def test_a_large_file_goes_up_once_in_a_session(shell, here):
    (here / "long.txt").write_text("Cats sleep. " * 100_000)
    first = shell.run("%%claude --attach long.txt --no-history\nWho sleeps?").seen
    second = shell.run("%%claude --attach long.txt --no-history\nWho sleeps?").seen
    assert (True, False) == ("uploaded long.txt" in first, "uploaded long.txt" in second)


def test_a_path_that_is_a_variable_s_name_is_told_its_braces(shell, here):
    shell.run("import pandas as pd; penguins = pd.DataFrame({'mass': [3700]})")
    error = shell.error("%claude files upload penguins")
    assert "%claude files upload {penguins}" in error.hint
    assert "There is no folder or zip nosuch" == shell.error("%claude skills create nosuch").message


def test_the_files_of_an_answer_are_fetched_into_a_new_folder(shell, here):
    shell.run("%%claude w <<  --skill xlsx\nMake an Excel file")
    assert here / "out" / "practice.xlsx" == here / said(shell, "files download {w} out")
    assert "practice.xlsx" == said(shell, "files download {w}").name
    shell.run("%%claude v <<  --no-history\nWhat is new?")
    assert "No files were made" in shell.error("%claude files download {v}").message


# ---- asking first ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "left"), [("y", 0), ("YES ", 0), ("n", 1), ("", 1), ("yess", 1)])
def test_a_deletion_asks_first_and_names_what_it_deletes(typed, left, shell, here, monkeypatch):
    asked: list[str] = []
    kept(shell, "f", "files upload data.csv")
    monkeypatch.setattr(builtins, "input", lambda question: asked.append(question) or typed)
    told = said(shell, "files delete {f}")
    assert ["Delete data.csv (file_practice_000001)? [y/N] "] == asked
    assert left == len(said(shell, "files"))
    assert ("Nothing was done" == told) == bool(left)


@pytest.mark.parametrize("fault", [EOFError, OSError, StdinNotImplementedError])
def test_where_nobody_can_be_asked_nothing_is_deleted_and_yes_is_named(fault, shell, here, monkeypatch):
    def nobody(_question):
        raise fault

    kept(shell, "f", "files upload data.csv")
    monkeypatch.setattr(builtins, "input", nobody)
    error = shell.error("%claude files delete {f}")
    assert "%claude files delete file_practice_000001 --yes" in error.hint
    assert 1 == len(said(shell, "files"))


def test_a_deletion_that_fails_half_way_says_what_is_done(shell, here):
    kept(shell, "f", "files upload data.csv")
    error = shell.error("%claude files delete {f} file_practice_999999 --yes")
    assert "Done before that: file_practice_000001." in error.hint


def test_a_list_with_nothing_in_it_deletes_nothing(shell):
    shell.run("ids = []")
    assert "nothing in what was given" in shell.error("%claude files delete {ids} --yes").message
    shell.run("import pandas as pd; df = pd.DataFrame({'a': [1]})")
    assert "A frame is no id" in shell.error("%claude files delete {df} --yes").message


# ---- skills and batches ------------------------------------------------------------------------------------


def test_a_skill_goes_up_gets_a_version_comes_down_and_is_deleted(shell, here):
    made = kept(shell, "s", 'skills create skill --as "Tidy tables"')
    assert ("skill_practice_000001", "Tidy tables") == (made.id, made.display_name)
    assert "skver_practice_000002" == said(shell, "skills update {s} skill").id
    assert 2 == len(said(shell, "skills versions {s}"))
    frame = said(shell, "skills")
    assert {"custom", "anthropic"} == set(frame.source)
    path = said(shell, "skills download {s} here.zip")
    assert ["tidy-tables/SKILL.md"] == [n for n in zipfile.ZipFile(path).namelist() if n.endswith("SKILL.md")]
    assert "Deleted: skill_practice_000001" == said(shell, "skills delete {s} --yes")
    assert "xlsx" == said(shell, "skills get xlsx").id


def test_skills_are_called_by_their_names_and_downloaded_under_them(shell, here):
    made = kept(shell, "s", 'skills create skill --as "Tidy tables"')
    assert made.id == said(shell, "skills get tidy-tables").id
    assert "skver_practice_000002" == said(shell, 'skills update "tidy tables" skill').id
    assert 2 == len(said(shell, "skills versions tidy-tables"))
    assert "tidy-tables.zip" == said(shell, "skills download {s}").name
    assert Path("zips/tidy-tables.zip") == said(shell, "skills download {s} zips/")
    assert "new.zip" == said(shell, "skills download {s} new.zip").name
    shell.run("%%claude --skill {s}\nMake a table")
    assert [made.id] == [skill["skill_id"] for skill in shell["_claude"].message["container"]["skills"]]
    assert f"Deleted: {made.id}" == said(shell, "skills delete tidy-tables -y")


def test_a_cancel_names_a_batch_by_its_id(shell, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(builtins, "input", lambda question: asked.append(question) or "n")
    made = batch("practice:slow")
    said(shell, "batches")
    said(shell, f"batches cancel {made.id}")
    assert [f"Cancel {made.id}? [y/N] "] == asked


def batch(*prompts: str):
    params = {"model": "claude-haiku-5-5", "max_tokens": 50}
    return current.client().messages.batches.create(
        requests=[
            {"custom_id": f"row-{n}", "params": {**params, "messages": [{"role": "user", "content": prompt}]}}
            for n, prompt in zip((10, 2, 1), prompts, strict=False)
        ]
    )


def test_the_results_of_a_batch_are_a_frame_when_it_has_ended(shell, clock):
    made = batch("Cats sleep. Who sleeps?", "practice:400", "Dogs bark. Who barks?")
    error = shell.error(f"%claude batches results {made.id}")
    assert ("in progress" in error.message, f"%claude batches get {made.id}" in error.hint) == (True, True)
    clock[0] += 60
    frame = said(shell, f"batches results {made.id}")
    assert ["type", "text", "stop_reason", "input_tokens", "output_tokens", "error"] == list(frame)
    assert ["row-1", "row-2", "row-10"] == list(frame.index)
    assert ["succeeded", "errored", "succeeded"] == list(frame.type)
    assert "[practice]" in frame.text["row-1"]
    assert ("", True) == (frame.text["row-2"], "drill" in frame.error["row-2"])
    assert "Int64" == frame.input_tokens.dtype == frame.output_tokens.dtype
    shown = said(shell, "batches")
    head = repr(shown).splitlines()[0].split("  ")
    assert ["id", "status", "succeeded", "errored", "created (UTC)", "ended (UTC)"] == [
        word.strip() for word in head if word
    ]


def test_a_batch_is_canceled_and_deleted(shell, clock):
    made = batch("practice:slow")
    assert f"Canceled: {made.id}" == said(shell, f"batches cancel {made.id} --yes")
    clock[0] += 60
    assert "ended" == said(shell, f"batches get {made.id}").processing_status
    assert f"Deleted: {made.id}" == said(shell, f"batches delete {made.id} --yes")


def test_a_model_is_described_by_its_short_word(shell):
    assert "claude-haiku-5-5" == said(shell, "models get haiku").id


# ---- the organization --------------------------------------------------------------------------------------


def test_the_organization_its_people_and_their_roles(shell):
    assert "Practice organization" == said(shell, "admin").name
    people = said(shell, "admin users")
    assert ["name", "email", "role"] == list(people)
    assert "developer" == said(shell, "admin role ines@example.org developer").role
    error = shell.error("%claude admin role ines@example.org developr")
    assert "Did you mean developer?" in error.hint
    error = shell.error("%claude admin role innes@example.org developer")
    assert "Did you mean ines@example.org?" in error.hint
    assert "Removed: user_practice_000009" == said(shell, "admin remove ines@example.org --yes")
    assert len(people) - 1 == len(said(shell, "admin users"))


def test_an_invitation_goes_out_and_is_taken_back(shell):
    assert "pending" == said(shell, "admin invite new@example.org user").status
    assert "new@example.org" in set(said(shell, "admin invites").email)
    assert "Withdrawn: " in said(shell, "admin withdraw new@example.org --yes")
    assert "new@example.org" not in set(said(shell, "admin invites").email)


def test_workspaces_by_name_their_members_and_their_end(shell):
    assert "Practice course A" in set(said(shell, "admin workspaces").name)
    before = said(shell, 'admin members "Practice course B"')
    assert ["name", "email", "workspace_role"] == list(before)
    said(shell, 'admin add kofi@example.org "practice course b"')
    assert "kofi@example.org" in set(said(shell, 'admin members "Practice course B"').email)
    said(shell, 'admin remove kofi@example.org from "Practice course B" --yes')
    assert before.equals(said(shell, 'admin members "Practice course B"'))
    assert "Archived: wrkspc_" in said(shell, 'admin archive "Practice research" --yes')
    assert "Practice research" not in set(said(shell, "admin workspaces").name)


def test_keys_are_switched_off_and_on(shell):
    frame = said(shell, "admin keys")
    assert ["name", "status", "hint", "workspace", "expires (UTC)"] == list(frame)
    said(shell, "admin disable apikey_practice_000003 --yes")
    assert "inactive" == said(shell, "admin keys").status["apikey_practice_000003"]
    for verb, status in (("enable", "active"), ("disable", "inactive"), ("enable", "active")):
        told = said(shell, f'admin {verb} "Practice key of course A"{" --yes" * (verb == "disable")}')
        assert re.fullmatch(rf"{verb.capitalize()}d: apikey_practice_\d+", told)
        frame = said(shell, "admin keys")
        assert [status] == list(frame.status[frame.name == "Practice key of course A"])


def test_limits_are_a_row_for_each_limiter_of_a_group(shell):
    organization, workspace = said(shell, "admin limits"), said(shell, 'admin limits "Practice course A"')
    assert list(organization.index) == list(workspace.index)
    assert ["limit", "value", "set_by"] == list(organization) == list(workspace)
    assert ("set_by" in repr(organization), "set_by" in repr(workspace)) == (False, True)
    assert "requests_per_minute" in set(organization.loc["Claude Haiku", "limit"])


def test_limits_and_keys_say_what_they_are_of_under_the_version_before_too(shell, monkeypatch):
    now = said(shell, "admin keys").workspace
    monkeypatch.setenv("CLAUDE_MAGIC_ANTHROPIC_VERSION", "2023-06-01")
    before, limits = said(shell, "admin keys").workspace, said(shell, "admin limits")
    assert {"wrkspc_practice_000001"} <= {*before}
    assert now[before.notna()].equals(before.dropna())  # None: the default workspace
    assert limits.index.notna().all()


def test_o6_usage_and_cost_of_practice_say_so(shell, clock):
    shell.run("%%claude\nCats sleep. Who sleeps?")
    clock[0] += 1
    result = shell.run("x = %claude admin usage by model")
    assert "practice" in result.seen
    asked = admin.usage("7d", by="model")
    assert asked.equals(shell["x"])
    assert ("1d", "practice") == (shell["x"].attrs["every"], shell["x"].attrs["source"])
    total = said(shell, "admin cost 30d by model every 1h")
    assert (["hour", "(UTC)", "model"], 1) == (repr(total).split()[:3], len(total))
    assert isinstance(total.amount_usd.iloc[0], Decimal)
    assert "starting_at" in said(shell, "admin cost 30d every none")
    assert "start is neither" in shell.error("%claude admin usage 2026-13-01").message


def test_a_report_of_nothing_says_how_to_make_up_some_use(shell):
    assert "rehearse()" in shell.run("%claude admin cost").seen


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cost 7d model", "%claude admin cost 7d by model?"),
        ("usage model", "%claude admin usage by model?"),
        ("cost model,token_type", "%claude admin cost by model,token_type?"),
    ],
)
def test_a_group_without_its_by_is_told_where_it_goes(typed, expected, shell):
    assert f"Did you mean {expected}" == shell.error(f"%claude admin {typed}").hint


# ---- the admin key -----------------------------------------------------------------------------------------


def test_k3_an_admin_key_is_kept_shown_as_there_and_forgotten(shell, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: ADMIN)
    assert "none" in said(shell, "status").loc["admin_key", "value"]
    result = shell.run("%claude login admin")
    assert result.success
    assert ADMIN not in result.seen
    path = keys.key_path("admin-key")
    assert (ADMIN, True) == (path.read_text(), os.name != "posix" or 0o600 == path.stat().st_mode & 0o777)
    frame = said(shell, "status")
    assert ("there", "admin key file") == tuple(frame.loc["admin_key"])
    assert ADMIN[-4:] not in frame.loc["admin_key"].to_string()
    monkeypatch.setenv("ANTHROPIC_ADMIN_KEY", ADMIN)
    assert "ANTHROPIC_ADMIN_KEY" == said(shell, "status").loc["admin_key", "source"]
    assert "ANTHROPIC_ADMIN_KEY goes before it" in said(shell, "login admin")
    monkeypatch.delenv("ANTHROPIC_ADMIN_KEY")
    said(shell, "logout admin")
    assert keys.admin_key() is None


@pytest.mark.parametrize("line", ["logout", "login forget"])
def test_forgetting_the_key_forgets_the_admin_key_too(line, shell, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda _: KEY)
    said(shell, "login")
    said(shell, "login admin")
    said(shell, line)
    assert (None, None) == (settings.credential(), keys.admin_key())


def test_k1_no_error_or_frame_of_the_organization_shows_the_admin_key(shell, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_ADMIN_KEY", ADMIN)
    seen = shell.run("%claude admin keys").seen + shell.run("%claude admin remove nobody").seen
    assert ADMIN not in seen
    assert ADMIN not in json.dumps([str(v) for v in listings.seen.values()])

"""Does the table of verbs read every line, and say what to type where it cannot?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.cells import service
from claude_magic.errors import ClaudeError, InputError
from claude_magic.grammar import flags, manual, verbs
from claude_magic.grammar.cell import CommandCall, parse_line

ALL = [(command, verb) for command, table in verbs.VERBS.items() for verb in table]
each_verb = pytest.mark.parametrize(("command", "verb"), ALL, ids=[f"{c} {v.name}" for c, v in ALL])


def test_every_verb_is_done_and_nothing_else():
    assert {f"{command} {verb.name}" for command, verb in ALL} == set(service.DO)


def test_every_command_with_verbs_is_in_the_table_of_commands():
    assert set(verbs.VERBS) <= set(flags.BY_NAME)


@each_verb
def test_what_a_usage_says_is_what_is_read(command, verb):
    words = ["x"] * verb.least
    assert (verb, words, {}) == verbs.read(command, [verb.name, *words])
    with pytest.raises(InputError) as caught:
        verbs.read(command, [verb.name, *words, *["x"] * 9, "--nonsense"])
    assert f"%claude {command} {verb.name}" in caught.value.hint


@each_verb
def test_help_has_every_verb(command, verb):
    assert f"{command} {verb.name}" in manual.help_text(command).replace("[", "").replace("]", "")


@each_verb
def test_what_cannot_be_undone_takes_yes_and_says_what_it_does(command, verb):
    assert ("--yes" in verb.options) == bool(verb.does) == bool(verb.done)


@pytest.mark.parametrize(
    ("line", "places", "options"),
    [
        ("files", [], {}),
        ("files upload a.csv --as b.csv", ["a.csv"], {"--as": ["b.csv"]}),
        ("files upload --as=b.csv a.csv", ["a.csv"], {"--as": ["b.csv"]}),
        ("files upload 'my data.csv'", ["my data.csv"], {}),
        ("files delete a b --yes", ["a", "b"], {"--yes": []}),
        ("files delete --yes a b", ["a", "b"], {"--yes": []}),
        ("files delete a -y", ["a"], {"--yes": []}),
        ("admin users list", [], {}),
        ("admin members w list", ["w"], {}),
        ("admin remove a from w --yes", ["a"], {"from": ["w"], "--yes": []}),
        ("admin usage 2026-11-01 by model,product", ["2026-11-01"], {"by": ["model", "product"]}),
        ("admin cost by model product every 1h", [], {"by": ["model", "product"], "every": ["1h"]}),
    ],
)
def test_a_line_is_read_into_words_and_options(line, places, options):
    call = parse_line(line)
    assert isinstance(call, CommandCall)
    assert (places, options) == verbs.read(call.name, call.args)[1:]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("files uplaod a.csv", "has no verb 'uplaod'", "Did you mean %claude files upload PATH"),
        ("files zzz", "has no verb 'zzz'", "list|get|upload|download|delete"),
        ("files get", "needs ID", "%claude files get ID"),
        ("files get a b", "takes 1 word, not 'a b'", "%claude files get ID"),
        ("files list a", "takes nothing more, not 'a'", "%claude files list"),
        ("files get a --yes", "takes no --yes", "%claude files get ID"),
        ("files upload a --as", "needs NAME after --as", "--as NAME"),
        ("admin usage by", "needs WHAT… after by", "by WHAT…"),
        ("skills of a nurse", "has no verb 'of'", "%claude -- skills of a nurse"),
        ("batches get", "needs ID", "%claude -- batches get"),
        ("batches create x", "has no verb 'create'", "Client().messages.batches.create(requests=[…])"),
        ("skills versions delete a b", "takes 1 word", "skills.versions.delete(VERSION, skill_id=ID)"),
        ("batches wait x", "has no verb 'wait'", "%claude batches get ID"),
        ("admin workspaces create X", "takes nothing more", 'organization.workspaces.create(name="…")'),
        ("admin users add a@b.c", "takes nothing more", "%claude admin invite EMAIL ROLE"),
        ("files rm a", "has no verb 'rm'", "Did you mean %claude files delete ID…"),
        ("files show a", "has no verb 'show'", "Did you mean %claude files get ID"),
        ("admin me", "has no verb 'me'", "Did you mean %claude admin who"),
        ("files zzz", "has no verb 'zzz'", "%claude help files"),
        ("files --limit 3", "has no verb '--limit'", "%claude help files"),
        ("files list --limit 3", "takes no --limit", "x = %claude files list, then x.head(10)"),
        ("files get -x", "takes no -x", "%claude files get ID"),
    ],
)
def test_a_wrong_line_is_refused_with_what_to_type_and_how_to_ask_it(line, message, hint):
    with pytest.raises(InputError) as caught:
        parse_line(line)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert f"%claude -- {line}" in caught.value.hint


@pytest.mark.parametrize("line", ["files help", "files --help", "files get --help", "files -h"])
def test_a_command_that_is_asked_for_help_gives_it(line):
    assert CommandCall("help", ["files"], "files") == parse_line(line)


@pytest.mark.parametrize("told", [*verbs.ELSEWHERE])
def test_what_is_done_elsewhere_is_no_verb(told):
    command, name, *more = told.split()
    assert command in verbs.VERBS
    assert (verbs.find(command, name) is None) == (not more)


def test_words_that_mean_a_verb_mean_one_that_there_is():
    names = {verb.name for _, verb in ALL} | {"create"}
    assert [] == [word for word, meant in verbs.MEANT.items() if not names & set(meant.split())]


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        ("files", [], ("", [])),
        ("files", ["delete"], ("ID", ["--yes"])),
        ("files", ["delete", "a", "--yes"], ("ID", [])),
        ("files", ["get", "a"], ("", [])),
        ("files", ["upload", "a", "--as"], ("NAME", [])),
        ("files", ["download", "a"], ("TO", [])),
        ("admin", ["usage"], ("START", ["by", "every"])),
        ("admin", ["usage", "by"], ("WHAT", ["every"])),
        ("admin", ["usage", "by", "model", "every"], ("WIDTH", [])),
        ("admin", ["role", "a"], ("ROLE", [])),
    ],
)
def test_what_can_follow_is_known(command, words, expected):
    assert expected == verbs.takes(command, words)


WORDS = st.sampled_from(["", "a", "by", "every", "from", "--yes", "--as", "--as=", "--x", "=", *"é…|["])


@given(st.sampled_from(ALL), st.lists(WORDS))
def test_no_words_raise_anything_but_our_own_error(row, words):
    command, verb = row
    hints = ["read"]
    verbs.takes(command, [verb.name, *words])
    try:
        verbs.read(command, [verb.name, *words])
    except ClaudeError as error:
        hints.append(error.hint)
    assert all(hints)

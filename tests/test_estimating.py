"""Is every question of a notebook priced before it runs, and what is not known named?"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from claude_magic import ledger, settings
from claude_magic.errors import InputError
from claude_magic.money import dryrun, estimating
from claude_magic.protocol import catalog
from claude_magic.talk import chat, counting
from tests.shells import KEY


@pytest.fixture
def priced(tmp_path, monkeypatch):
    """Write a notebook of these cells and return its estimate without the total."""
    monkeypatch.chdir(tmp_path)

    def estimate(*sources, names=(), whole=False, **options):
        cells = [{"cell_type": "code", "source": s, "metadata": {}, "outputs": []} for s in sources]
        (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))
        found = estimating.estimate(tmp_path / "n.ipynb", dict(names), **options)
        return found if whole else found.drop("total")

    return estimate


def test_each_question_has_a_row_and_nothing_is_run_or_recorded(priced):
    found = priced(
        "import nothing_that_exists", "%%claude haiku -n 500\nWhy?", "", "x = %claude -m opus why is it so?"
    )
    assert ([2, 3], ["Why?", "why is it so?"]) == (list(found.index), list(found.words))
    assert ["claude-haiku-5-5", "claude-opus-5-5"] == list(found.model)
    assert [500, 4096] == list(found.max_tokens)
    price = catalog.price("claude-haiku-5-5")
    assert int(found.input_tokens[2]) * price.input / 10**6 == found.low[2]
    assert found.low[2] + 500 * price.output / 10**6 == found.high[2]
    assert {counting.ESTIMATE} == set(found.counted)
    assert [] == ledger.shared().rows()


def test_where_a_client_can_count_it_counts_and_says_so(priced, client):
    assert [counting.COUNTED["practice"]] == list(priced("%claude why?", client=client).counted)


def test_a_conversation_grows_by_its_questions_at_least_and_its_longest_answers_at_most(priced):
    found = priced(
        "%claude -n 1k one", "%claude -n 1k two", "%claude --new -n 1k one", "%claude --no-history -n 1k one"
    )
    one, two = found.input_tokens[1], found.input_tokens[2]
    assert one < two
    assert [one, one] == [found.input_tokens[3], found.input_tokens[4]]
    price = catalog.price(found.model[2])
    assert found.low[2] + 1000 * (price.input + price.output) / 10**6 == found.high[2]


def test_what_the_cells_set_holds_for_those_after_and_not_here(priced):
    found = priced(
        "%claude model opus\n%claude system Be brief and to the point.\n%claude config max_tokens 2k",
        "%claude why?",
        "%config ClaudeMagics.max_tokens = 300\n%claude reset",
        "%claude system off\n%claude why?",
    )
    assert ["claude-opus-5-5"] * 2 == list(found.model)
    assert [2000, 300] == list(found.max_tokens)
    assert found.input_tokens[2] > found.input_tokens[4]
    assert {} == settings.session


def test_values_that_are_known_count_and_others_are_named(priced):
    cells = ("table = make()", "%claude sum up {table} in \\frac{a}{b} of {words}")
    unknown, known = priced(*cells), priced(*cells, names={"table": "word " * 1000})
    assert ["{table}"] == list(unknown.unknown)  # words is no variable, and is sent as it is written
    assert [""] == list(known.unknown)
    assert known.input_tokens[2] > 1000 + unknown.input_tokens[2]


def test_an_answer_that_a_question_holds_counts_with_its_longest(priced):
    found = priced("%%claude plan << haiku -n 2k\nPlan.", "%%claude haiku --no-history -n 10\nDo {plan}.")
    price = catalog.price("claude-haiku-5-5")
    assert "{plan}" == found.unknown[2]
    assert found.high[2] >= found.low[2] + (2000 * price.input + 10 * price.output) / 10**6


def test_a_comparison_has_a_row_for_each_model(priced):
    assert ["claude-haiku-5-5", "claude-opus-5-5"] == list(priced("%claude --compare haiku,opus why?").model)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("for i in range(3):\n    %claude again", "in a loop: counted once"),
        ("def f():\n    %claude again", "in a function"),
        ("if x:\n    %claude again", "on a condition"),
        ("%%time\n%claude again", ""),
        ("%time x = %claude again", ""),
        ("%%claude --attach gone.pdf\nWhat?", "gone.pdf"),
        ("%%claude --tool weather\nWhat?", "--tool weather"),
        ("%%claude --schema Plan\nWhat?", "--schema Plan"),
        ("%%claude -i data\nWhat?", "{data}"),
    ],
)
def test_what_cannot_be_known_before_is_said(priced, cell, told):
    found = priced(cell)
    assert told in found.unknown[1]
    assert found.high[1] > 0


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("from claude_magic import ask\nask('hello')", "called from Python"),
        ("%time x = ask('hello')", "called from Python"),
        ("df.claude.map('Why {text}?')", "called from Python, so it is not priced; claude_magic.estimate(df"),
        ("claude_magic.classify(df, 'text', ['a', 'b'])", "claude_magic.estimate(df"),
        ("job = df.claude.batch('{text}')", "claude_magic.estimate(df"),
        ("%%claude map df\nWhy {text}?", "add --dry-run"),
        ("%claude fix", "depends on what happens before"),
        ("%%claude --modle opus\nhello", "an error: There is no option"),
        ("%claude hello\nthis is no python", "not Python"),
    ],
)
def test_what_cannot_be_priced_is_a_row_without_a_price(priced, cell, told):
    found = priced(cell, "%claude why?", whole=True)
    assert told in found.unknown[1]
    assert found.high[1] is None
    assert "1 of 2 not priced" == found.unknown["total"]
    assert found.high[2] == found.high["total"]


@pytest.mark.parametrize(
    "cell",
    [
        "text = '''\n%claude why?\n'''",
        "%%bash\necho %claude why?",
        "%claude --dry-run hi",
        "x = 1",
        "df.map(f)",
        "%%claude map df --dry-run\n{text}",
    ],
)
def test_what_asks_nothing_has_no_row(priced, cell):
    assert 0 == len(priced(cell))


def test_the_total_adds_up(priced):
    found = priced("%claude --no-history one", "%claude --no-history two", whole=True)
    assert found.high[1] + found.high[2] == found.high["total"]
    assert found.input_tokens[1] + found.input_tokens[2] == found.input_tokens["total"]
    assert isinstance(found.high["total"], Decimal)


def test_m9_recorded_answers_cost_nothing_also_later_in_a_conversation(priced, tmp_path):
    settings.use("practice", True)
    settings.use("cassette", str(tmp_path / "n.replay.jsonl"))
    for question in ("practice:echo one", "practice:echo two"):
        chat.ask(question, thread="main", replay="auto")
    cells = [f"%claude practice:echo {word}" for word in ("one", "two", "three")]
    found = priced("%claude replay auto", *cells)
    assert [Decimal(0), Decimal(0)] == list(found.high[:2])
    assert [dryrun.RECORDED] * 2 == list(found.counted[:2])
    assert found.high[4] > 0
    only = priced("%claude replay only", *cells)
    assert [Decimal(0)] * 3 == list(only.high)
    assert [dryrun.RECORDED, dryrun.RECORDED, dryrun.MISSED] == list(only.counted)
    assert "not recorded" in only.unknown[4]


def test_the_command_takes_the_kernels_values_and_reads_well(shell, tmp_path):
    book = {
        "cells": [
            {"cell_type": "code", "source": "df = 1"},
            {"cell_type": "code", "source": "%claude why {df}?"},
        ]
    }
    (tmp_path / "a lesson.ipynb").write_text(json.dumps(book))
    command = f'%claude estimate "{tmp_path / "a lesson.ipynb"}"'
    assert "{df}" == shell.run(command).result.unknown[2]
    shell.run("df = 'a text'")
    found = shell.run(command).result
    assert "unknown" not in found
    assert found.high["total"].startswith("$0.")
    assert "%claude estimate NOTEBOOK.ipynb" in shell.error("%claude estimate").hint
    assert isinstance(shell.error("%claude estimate nowhere.ipynb"), InputError)


def test_k1_o4_what_is_shown_of_a_cell_holds_no_key_and_no_escape(priced):
    found = priced(
        f"%%claude haiku\n{KEY} is a key \x1b[2J",
        f"%%claude haiku --tool {KEY}\nWhy?",
        f"%%claude {KEY}\nWhy?",
        f"%claude fix {KEY}",
    )
    assert 4 == len(found)
    assert [] == [text for text in (*found.words, *found.unknown) if KEY[:16] in text or "\x1b" in text]

"""Does a bill add up what executed notebooks cost, whatever is in them?"""

from __future__ import annotations

import csv
import io
import json

import pytest

from claude_magic import cli, ledger, settings
from claude_magic.errors import InputError
from claude_magic.money import billing


def facts(cost="0.5", request_id="req_1", source="live", model="claude-haiku-5-5", **more):
    usage = {"input_tokens": 8, "output_tokens": 3}
    return {"model": model, "cost": cost, "usage": usage, "request_id": request_id, "source": source, **more}


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Write a notebook with an output for each of these facts; returns its path."""
    monkeypatch.chdir(tmp_path)

    def write(name, *kept):
        outputs = [{"output_type": "display_data", "metadata": {"claude_magic": one}} for one in kept]
        cells = [{"cell_type": "code", "source": "%%claude", "outputs": [one]} for one in outputs]
        (tmp_path / name).write_text(json.dumps({"cells": cells, "nbformat": 4}))
        return name

    return write


def test_answers_are_added_up_exactly_for_each_notebook_source_and_model(book):
    first = book(
        "a.ipynb", *(facts("0.1", f"req_{n}") for n in range(3)), facts("2", "req_9", model="claude-opus-5-5")
    )
    found = billing.bill([first, book("b.ipynb", facts("0.2", "req_7"))])
    assert list(billing.COLUMNS) == list(found.columns)
    assert [("a.ipynb", 3, 0.3), ("a.ipynb", 1, 2.0), ("b.ipynb", 1, 0.2)] == [
        (row.notebook, row.answers, row.cost_usd) for row in found.itertuples()
    ]
    assert (24, 9) == (found.input_tokens[0], found.output_tokens[0])
    assert "Paid: $2.50" == billing.lines(found)[0]


def test_practice_and_replays_stand_apart_and_were_not_paid(book):
    found = billing.bill(book("a.ipynb", facts(), facts(source="practice"), facts(source="replay")))
    assert {"live": 0.5, "practice": 0.0, "replay": 0.0} == dict(
        zip(found.source, found.paid_usd, strict=True)
    )
    assert [0.5] * 3 == list(found.cost_usd)
    assert ["Paid: $0.50", "practice: $0.50 at the API's prices, not paid"] == billing.lines(found)[:2]


def test_m10_an_unknown_price_is_said_and_in_no_sum(book):
    unpriced = {k: v for k, v in facts(request_id="req_2").items() if k != "cost"}
    found = billing.bill(book("a.ipynb", facts(), unpriced))
    assert (0.5, 1, 2) == (found.cost_usd[0], found.unpriced[0], found.answers[0])
    assert "price unknown of 1 answer" in billing.lines(found)[1]


def test_an_answer_counts_once_however_often_its_output_is_copied(book):
    copies = book("a.ipynb", facts(), facts()), book("b.ipynb", facts())
    assert [1] == list(billing.bill(copies).answers)


def test_the_same_id_of_two_practice_servers_are_two_answers(book):
    assert [2] == list(billing.bill(book("a.ipynb", *[facts(source="practice")] * 2)).answers)


def test_a_comparison_counts_with_every_model(book):
    both = {"compare": [facts(), facts("1", "req_2", model="claude-opus-5-5")]}
    assert 1.5 == billing.bill(book("a.ipynb", both)).paid_usd.sum()


@pytest.mark.parametrize(
    "kept",
    [
        "text",
        {"usage": 7, "cost": {}, "model": ["x"], "request_id": [1]},
        {"cost": "NaN"},
        {"cost": "-5"},
        {"cost": True, "usage": {"input_tokens": "many"}},
        {"compare": [None, 3, {}]},
        {"compare": 5, "cost": "x" * 10_000},
    ],
)
def test_what_another_program_wrote_there_costs_nothing_and_breaks_nothing(book, kept):
    found = billing.bill(book("a.ipynb", facts(), kept))
    assert 0.5 == found.cost_usd.sum()


@pytest.mark.parametrize(
    "text",
    [
        '{"worksheets": [{"cells": [{"cell_type": "code", "input": "1", "outputs": [{"metadata": 1}]}]}]}',
        '{"cells": [{"cell_type": "code", "source": ["a", "b"], "outputs": null}, 5, {"cell_type": "raw"}]}',
        '\ufeff{"cells": []}',
    ],
    ids=["of-2013", "odd", "with-a-mark"],
)
def test_old_and_foreign_notebooks_have_no_figures(book, tmp_path, text):
    (tmp_path / "old.ipynb").write_text(text, encoding="utf-8")
    found = billing.bill(["old.ipynb", book("a.ipynb", facts())])
    assert [1] == list(found.answers)
    assert ["old.ipynb has no figures of claude_magic"] == found.attrs["notes"]


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "7", '{"a": 1}', "\0"])
def test_what_is_no_notebook_is_named_and_alone_an_error(book, tmp_path, text):
    (tmp_path / "bad.ipynb").write_text(text)
    assert ["bad.ipynb is not a notebook"] == billing.bill(["bad.ipynb", book("a.ipynb", facts())]).attrs[
        "notes"
    ]
    with pytest.raises(InputError):
        billing.bill("bad.ipynb")


def test_what_is_no_path_is_told():
    for given in (5, ["a.ipynb", None]):
        with pytest.raises(InputError, match="is not the path of a notebook\n→ Give the path"):
            billing.bill(given)


def test_a_folder_stands_for_its_notebooks_but_not_their_checkpoints(book, tmp_path):
    book("a.ipynb", facts())
    (tmp_path / ".ipynb_checkpoints").mkdir()
    book(".ipynb_checkpoints/a-checkpoint.ipynb", facts(request_id="req_2"))
    assert [1] == list(billing.bill(tmp_path).answers)
    with pytest.raises(InputError):
        billing.bill(tmp_path / "nowhere")


def test_what_cells_keep_is_what_a_bill_reads(shell, tmp_path):
    results = [shell.run(f"%%claude {how}\nhello") for how in ("", "--compare haiku,opus")]
    outputs = [{"metadata": o.metadata} for result in results for o in result.outputs]
    (tmp_path / "a.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": "x", "outputs": outputs}]})
    )
    found = billing.bill(tmp_path / "a.ipynb")
    assert {"claude-haiku-5-5": 2, "claude-opus-5-5": 1} == dict(zip(found.model, found.answers, strict=True))
    assert found.cost_usd.min() > 0 == found.paid_usd.max()
    assert settings.practice().value


def saved(path, shell, *cells):
    """Run cells, and save what they showed as a notebook."""
    made = [{"cell_type": "code", "source": s, "outputs": _shown(shell.run(s))} for s in cells]
    path.write_text(json.dumps({"cells": made}))
    return path


def _shown(result):
    return [{"metadata": one.metadata} for one in result.outputs]


MAPS = ["import claude_magic, pandas as pd\ndf = pd.DataFrame({'text': ['good', 'bad', 'good']})"]


@pytest.mark.parametrize(
    "cell", ["%%claude map df haiku\nWhat? {text}", "df.claude.map('What? {text}', model='haiku')"]
)
def test_the_answers_of_a_map_are_in_the_bill(shell, tmp_path, monkeypatch, cell):
    monkeypatch.setenv("CLAUDE_MAGIC_DISPLAY", "static")
    book = saved(tmp_path / "a.ipynb", shell, *MAPS, cell, "%claude haiku hi", f"{cell} ")
    found = billing.bill(book)
    assert [("practice", "claude-haiku-5-5", 3)] == [
        (one.source, one.model, one.answers) for one in found.itertuples()
    ]
    used = ledger.shared().rows()
    assert sum(one.input_tokens for one in used) == found.input_tokens[0]
    assert float(sum(one.cost_usd for one in used)) == found.cost_usd[0]
    assert 0 == found.attrs["unseen"]


@pytest.mark.parametrize(
    ("cell", "calls"),
    [
        ("%%claude -q\nhi", 1),
        ("%claude -q hi\nx = %claude hi", 1),
        ("%%claude map df -q\n{text}", 1),
        ("%%claude batch df\n{text}", 1),
        ("ask('a') + ask('b'); client.messages.create()", 3),
        ("df.claude.map('a', progress=False)\nclaude_magic.batch(df, 'a')", 2),
        ("%%claude\nhi\n%claude -q hi", 0),
        ("%%claude -q --dry-run\nhi", 0),
        ("df.map(str); claude_magic.usage()", 0),
        ("%claude usage", 0),
        ("not python", 0),
    ],
)
def test_calls_that_no_output_has_are_counted(tmp_path, cell, calls):
    book = {"cells": [{"cell_type": "code", "source": cell, "outputs": []}]}
    (tmp_path / "a.ipynb").write_text(json.dumps(book))
    told = billing.lines(billing.bill(tmp_path / "a.ipynb"))
    assert "Paid: $0.00" == told[0]
    assert [f"{calls} call{' is' if calls == 1 else 's are'} not in it"] * bool(calls) == [
        line.partition(" (")[0] for line in told[1:]
    ]


def test_a_maps_figures_count_each_answer_and_a_copy_of_them_once(book):
    live = {k: v for k, v in facts(answers=7, id="a1").items() if k != "request_id"}
    unpriced = {k: v for k, v in live.items() if k != "cost"} | {"id": "a2"}
    found = billing.bill([book(name, {"rows": [live, unpriced]}) for name in ("a.ipynb", "b.ipynb")])
    assert [("a.ipynb", 14, 0.5, 7)] == [
        (one.notebook, one.answers, one.paid_usd, one.unpriced) for one in found.itertuples()
    ]


def test_the_command_prints_a_table_csv_or_json(book, capsys):
    name = book("a.ipynb", facts())
    assert 0 == cli.main(["bill", name])
    assert "Paid: $0.50" == capsys.readouterr().out.splitlines()[-1]
    cli.main(["bill", name, "--csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert ("a.ipynb", "0.5") == (row["notebook"], row["paid_usd"])
    cli.main(["bill", name, "--json"])
    assert 0.5 == json.loads(capsys.readouterr().out)[0]["cost_usd"]
    assert 1 == cli.main(["bill", "nowhere.ipynb"])
    assert "→" in capsys.readouterr().err

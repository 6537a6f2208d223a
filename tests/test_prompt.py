"""Do values reach the prompt once, whole and in order, and does everything else stay as it was written?"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.errors import InputError
from claude_magic.prompts import prompt, references
from claude_magic.prompts.private import KEY_SHAPE
from claude_magic.prompts.prompt import render
from claude_magic.wire import record

KEY = "sk-ant-api03-" + "x" * 40
NAMES = {
    "name": "Ann {x} {{x}}",
    "x": 3.14159,
    "i": 4,
    "rows": [{"k": "v"}],
    "df": pd.DataFrame({"a": [1, 2]}),
    "Out": {3: "three"},
    "_": "last",
    "_claude": "answer",
    "_1": "one",
    "_hidden": "no",
}


def text(prompt: str, **more) -> str:
    rendered = render(prompt, {**NAMES, **more})
    assert [{"type": "text", "text": rendered.text}] == rendered.blocks
    return rendered.text


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Hi {name}!", "Hi Ann {x} {{x}}!"),
        ("{i}{x:.2f}{i:03d}", "43.14004"),
        ('{rows[0]["k"]} {rows[-1]} {Out[3]}', 'v {"k": "v"} three'),
        ("{df.shape} {df.a[1]}", "[2, 1] 2"),
        ("{_} {_claude} {_1}", "last answer one"),
        ("{{name}} {{df:head 3}}", "{name} {df:head 3}"),
        ('{"a": {x}, "b": {"c": {i}}}', '{"a": 3.14159, "b": {"c": 4}}'),
        ("file_{i}.csv ${x} C:\\tmp\\{i}", "file_4.csv $3.14159 C:\\tmp\\4"),
        ("```python\n{name}\n```", "```python\nAnn {x} {{x}}\n```"),
    ],
)
def test_references_become_values_in_one_pass(prompt, expected):
    assert expected == text(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "", "{}", "x}", "{{x}", "{{{x", "{0}", "{x:}", "{x: y}", "{_hidden}", "{x, i}",
        "{k: v for k, v in x}", "{ x: 1 }", "{ x += 1; }", "{x {i: 2}",
        '{"x": 1}', "{'x': [1, {}]}", "function f() { return x; }", "a{color: red}", "{{ x }}", "{% if x %}",
    ],
)  # fmt: skip
def test_braces_that_are_no_reference_stay_without_a_word(prompt):
    rendered = render(prompt, NAMES)
    assert (prompt, []) == (rendered.text, rendered.hints)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{df.head()}", "nothing is called; write {df:head 5}"),
        ("{df.tail(3)}", "nothing is called; write {df:tail 3}"),
        ("{df[:3]}", "nothing is sliced; write {df:head 3} of a frame, else name it in a cell"),
        ("{x!r}", "write {x}"),
        ("{ x }", "write {x}, without spaces"),
        ("{x", "no closing brace; write {x}"),
        *(
            (written, "nothing is evaluated; give it a name in a cell, and write that")
            for written in (
                "{df.describe()}", '{df[["a", "b"]]}', '{df.loc[0,"a"]}', "{x=}", "{x()}", "{x + 1}",
                "{x.__class__}", "{rows[0].__init__}", "{rows[i]}",
            )
        ),
    ],
)  # fmt: skip
def test_braces_that_seem_to_name_a_variable_stay_and_a_hint_says_what_to_write(written, why):
    rendered = render(f"Look: {written}", NAMES)
    assert (f"Look: {written}", [f"Sent as written: {written} ({why})"]) == (rendered.text, rendered.hints)


@pytest.mark.parametrize(
    "prompt",
    [
        r"\frac{x}{i}", r"\frac{\frac{x}{i}}{x}", "e^{x}", "$a_{i}$", "$$\n{x}\n$$", r"\(a_{i}\)", r"\[{x}\]",
        r"\sum_{i}^{x}", r"\sqrt[3]{x}", 'f"{x}"', "f'''{x}'''", 'print(f"{x:.2f} and {i}")', r"rf'\d{i}'",
    ],
)  # fmt: skip
def test_latex_and_f_strings_stay_and_one_hint_says_so(prompt):
    rendered = render(prompt, NAMES)
    assert prompt == rendered.text
    assert 1 == len(rendered.hints)
    assert "inside LaTeX or an f-string" in rendered.hints[0]


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ("{nam}", "{nam} (no such variable; did you mean {name}?)"),
        ("{zzz}", "{zzz} (no such variable)"),
        ("{df.nothing}", "{df.nothing} (no .nothing in it)"),
        ("{rows[7]}", "{rows[7]} (no [7] in it)"),
        ("{df.head}", "{df.head} (a function; nothing is called)"),
        ("{df:hed}", "{df:hed} ('hed' does not suit a DataFrame; there are head 5, tail 5, csv and schema)"),
        ('{df["aa"]}', """{df["aa"]} (no ["aa"] in it; did you mean ['a']?)"""),
        ('{rows[0]["zz"]}', '{rows[0]["zz"]} (no ["zz"] in it; there are k)'),
        ("{name:.2f}", "{name:.2f} ('.2f' does not suit a str)"),
    ],
)
def test_what_is_not_a_variable_stays_with_one_hint(prompt, hint):
    rendered = render(prompt, NAMES)
    assert (prompt, [f"Sent as written: {hint}"]) == (rendered.text, rendered.hints)


def test_many_unknown_names_are_one_hint():
    assert [
        "Sent as written: {a} (no such variable), {b} (no such variable), {c} (no such variable) and 2 more"
    ] == (render("{a} {b} {c} {d} {e}", {}).hints)


def test_raw_reads_nothing():
    assert "{x} {{x}}" == render("{x} {{x}}", NAMES, raw=True).text


@given(st.text(st.one_of(st.characters(), st.sampled_from("{}[].:\"'_$\\^f\n "))))
def test_a_text_without_references_is_unchanged(prompt):
    prompt = prompt.replace("{{", "{ {")
    rendered = render(prompt, {})
    assert prompt == rendered.text
    assert rendered.blocks == ([{"type": "text", "text": rendered.text}] if rendered.text.strip() else [])
    assert {} == rendered.used


@given(
    st.lists(st.sampled_from(["{x}", "{{x}}", "{", "}", "a", "{y}", ":", "$", "\\a", "\n"])).map("".join),
    st.text(st.characters(exclude_characters="\0\1")),
)
def test_a_value_s_own_braces_are_never_read(prompt, value):
    once = render(prompt, {"x": "\0", "y": "\1"}).text
    assert once.replace("\0", value).replace("\1", "{x}") == render(prompt, {"x": value, "y": "{x}"}).text


def test_a_property_that_fails_or_counts_is_asked_once():
    class Once:
        asked = 0

        @property
        def value(self):
            Once.asked += 1
            return "v" * Once.asked

        @property
        def broken(self):
            raise RuntimeError

    rendered = render("{o.value} {o.value} {o.broken}", {"o": Once()})
    assert "v v {o.broken}" == rendered.text
    assert ["Sent as written: {o.broken} (no .broken in it)"] == rendered.hints


def test_a_frame_named_twice_is_sent_once():
    rendered = render("Look at {df} and {df}.\n{df}\n", NAMES)
    assert 1 == rendered.text.count('<value of="df" type="DataFrame 2×1">')
    assert 2 == rendered.text.count("[df, given above]")
    assert {"df": "DataFrame 2×1"} == rendered.used


def test_pictures_stand_where_they_are_named():
    from PIL import Image

    rendered = render("See {img}, then {img}: why?", {"img": Image.new("RGB", (4, 3))})
    assert ["text", "image", "text"] == [block["type"] for block in rendered.blocks]
    assert ["See ", ", then [img, given above]: why?"] == [b["text"] for b in rendered.blocks if "text" in b]
    assert "See [img: image 4×3], then [img, given above]: why?" == rendered.text


def test_inputs_follow_the_text_and_files_go_before_it(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("inside")
    rendered = render("Why?", NAMES, attach=[str(file), "{i}"], inputs=["name"])
    assert (
        '<value of="a.txt" type="text, 6 characters">\ninside\n</value>\n\n4\n\nWhy?\n\nAnn {x} {{x}}'
        == rendered.text
    )
    assert {str(file), "i", "name"} == set(rendered.used)


def test_an_attachment_may_be_a_value_or_a_path(tmp_path):
    from PIL import Image

    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    rendered = render("Why?", {}, attach=[tmp_path / "a.png", Image.new("RGB", (3, 3)), {"k": 1}])
    assert ["image", "image", "text", "text"] == [block["type"] for block in rendered.blocks]
    assert '{"k": 1}' in rendered.text


@pytest.mark.parametrize(
    ("attach", "inputs", "hint"),
    [
        (["nowhere.pdf"], [], "Look for it"),
        (["df"], [], "--attach {df}"),
        (["{nope}"], [], "Assign nope"),
        ([], ["nope"], "Assign nope"),
    ],
)
def test_what_is_to_be_sent_but_is_not_there_stops_the_call(attach, inputs, hint):
    with pytest.raises(InputError) as caught:
        render("Why?", NAMES, attach=attach, inputs=inputs)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("{api_key}", {"api_key": "abc"}),
        ("{token}", {"token": "abc"}),
        ("{cfg.dbPassword}", {"cfg": type("C", (), {"dbPassword": "abc"})}),
        ('{d["secret"]}', {"d": {"secret": ["abc"]}}),
        ("{text}", {"text": f"abc {KEY}"}),
        ("{d}", {"d": [{"a": f"abc {KEY}"}]}),
        ("{df}", {"df": pd.DataFrame({"abc": [KEY]})}),
        ("{os.environ}", {"os": os}),
        ('{os.environ["abc"]}', {"os": os}),
        ("{env}", {"env": dict(os.environ, abc="abc")}),
    ],
)
def test_o3_secrets_and_the_environment_are_refused_without_repeating_them(prompt, names, monkeypatch):
    for name in "abcdef":
        monkeypatch.setenv(name, name)
    monkeypatch.setenv("abc", "abc")
    with pytest.raises(InputError) as caught:
        render(prompt, names)
    assert KEY not in str(caught.value)
    assert "nothing was sent" in caught.value.message


def test_o3_a_secret_of_the_environment_is_refused_whatever_holds_it(monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    with pytest.raises(InputError, match="SERVICE_TOKEN"):
        render("{log}", {"log": "sent correct horse battery to the server"})


def test_o3_a_file_with_a_key_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text(KEY)
    with pytest.raises(InputError, match="shaped like a key"):
        render("Why?", {}, attach=[tmp_path / "notes.txt"])


def test_a_number_is_no_secret():
    assert "5 7" == text("{max_token} {key}", max_token=5, key=7)


def test_keys_have_a_shape_and_practice_keys_have_another():
    assert KEY_SHAPE.search(f"x={KEY}")
    assert not KEY_SHAPE.search("practice-key sk-ant- sk-ant-short")


def test_a_path_is_read(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert '<value of="p" type="text, 8 characters">\na,b\n1,2\n</value>\n' == text(
        "{p}", p=tmp_path / "a.csv"
    )


def test_what_is_not_all_sent_is_one_hint():
    made = render("{big} and {big}", {"big": "x" * 500_000})
    assert ["Not all is sent: big (text, first 400,000 of 500,000 characters sent)"] == made.hints


def test_a_mistyped_input_has_one_hint():
    with pytest.raises(InputError) as caught:
        render("x", {"penguins": 1}, inputs=["pengins"])
    assert ("-i pengins: no such variable", "Did you mean -i penguins?") == (
        caught.value.message,
        caught.value.hint,
    )


@pytest.mark.parametrize(
    ("word", "value"),
    [("{f.id}", "file_1"), ("{rows[0]}", 5), ("{f}", {"id": "file_1"}), ("a{f}", "a{f}"), ("{f:x}", "{f:x}")],
)
def test_a_word_of_a_line_stands_for_a_value_or_for_itself(word, value):
    assert value == references.lookup(word, {"f": record({"id": "file_1"}), "rows": [5]})


@pytest.mark.parametrize("word", ["{g}", "{f.nothing}", "{rows[9]}"])
def test_a_word_that_names_nothing_is_an_error_of_ours(word):
    with pytest.raises(InputError):
        references.lookup(word, {"f": record({"id": "file_1"}), "rows": [5]})


def test_a_file_of_the_service_is_sent_by_its_id_wherever_it_stands():
    file = record({"type": "file", "id": "file_practice_000001", "mime_type": "text/csv"})
    made = prompt.render("Sum up {f}", {"f": file}, attach=["{f}", "file_practice_000001"], code=True)
    assert ["document", "document", "text"] == [block["type"] for block in made.blocks]
    assert "[f, given above]" in made.blocks[-1]["text"]


def test_a_list_of_pictures_and_files_is_each_of_them(tmp_path):
    from PIL import Image

    (tmp_path / "a.txt").write_text("tide")
    things = [Image.new("RGB", (3, 3)), tmp_path / "a.txt"]
    made = render("See {things}.", {"things": things})
    assert ["text", "image", "text"] == [block["type"] for block in made.blocks]
    assert {"things[0]": "image 3×3", "things[1]": "text, 4 characters"} == made.used


def test_a_list_of_other_things_is_one_value():
    assert ["rows"] == list(render("{rows}", NAMES).used)


def test_a_pattern_attaches_every_file_it_fits_in_order(tmp_path):
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text(name)
    made = render("", {}, attach=[tmp_path / "*.txt"])
    assert ["a.txt", "b.txt"] == [Path(name).name for name in made.used]


@pytest.mark.parametrize(("files", "message"), [(0, "No file fits"), (21, "21 files fit")])
def test_a_pattern_that_fits_nothing_or_too_much_is_refused(files, message, tmp_path):
    for n in range(files):
        (tmp_path / f"{n}.txt").write_text("x")
    with pytest.raises(InputError, match=message) as caught:
        render("", {}, attach=[f"{tmp_path}/*.txt"])
    assert caught.value.hint


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "a[1].txt").write_text("x")
    assert "x" in render("", {}, attach=[tmp_path / "a[1].txt"]).text


def test_a_picture_is_scaled_for_the_model_that_is_asked():
    from PIL import Image

    picture = Image.new("RGB", (2000, 500))
    sizes = {tier: render("{p}", {"p": picture}, tier=tier).used["p"] for tier in ("high", "standard", None)}
    assert {"high": "image 2000×500", "standard": "image 1568×392", None: "image 2000×500"} == sizes


def test_what_is_sent_can_be_looked_at_by_name():
    made = render("{df} {x}", NAMES)
    assert ["df", "x"] == list(made.shown)
    assert "2 rows × 1 columns" in made.shown["df"].text


def test_what_is_attached_to_be_cited_is_a_document_and_what_is_in_the_text_is_not(tmp_path):
    (tmp_path / "a.txt").write_text("tide")
    made = render("{name}", NAMES, attach=[tmp_path / "a.txt", "{df}"], citations=True)
    assert [("document", "a.txt"), ("document", "df"), ("text", None)] == [
        (block["type"], block.get("title")) for block in made.blocks
    ]


def test_an_address_is_no_file_to_attach_and_the_hint_says_how_to_make_it_one():
    with pytest.raises(InputError) as caught:
        render("x", {}, attach=["https://example.com/papers/a.pdf?x=1"])
    assert "https://example.com/papers/a.pdf?x=1 is an address, not a file" == caught.value.message
    assert caught.value.hint.endswith("then --attach a.pdf")

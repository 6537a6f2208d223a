"""Does every passage have its number, and are citations on for all documents or for none?"""

from __future__ import annotations

import pytest

from claude_magic import Client
from claude_magic.errors import InputError
from claude_magic.looks import parts as looks
from claude_magic.prompts import citing
from claude_magic.prompts.prompt import render
from claude_magic.talk import uploads
from claude_magic.talk.chat import ask
from tests.hostile import HOSTILE


def text(said, *citations):
    return {"type": "text", "text": said, "citations": list(citations) or None}


def place(start=0, end=4, title="a.txt", cited="Tide", **more):
    span = {"start_char_index": start, "end_char_index": end}
    return {
        "type": "char_location",
        "document_title": title,
        "document_index": 0,
        "cited_text": cited,
        **span,
        **more,
    }


def test_the_numbers_stand_behind_the_words_and_the_same_passage_keeps_its_number():
    one, two = place(), place(4, 9, "b.txt")
    said, notes = citing.noted([text("First. ", one), text("Both, ", two, one), text("none.")])
    assert "First.¹ Both,²\u202f¹ none." == said
    assert [(1, "a.txt", "characters 1–4"), (2, "b.txt", "characters 5–9")] == [n[:3] for n in notes]


def test_what_stood_between_two_texts_is_a_blank_line_as_in_the_answer():
    said, _ = citing.noted([text("a"), {"type": "tool_use"}, text("b")])
    assert "a\n\nb" == said


def test_a_number_behind_code_does_not_keep_its_fence_open():
    said, _ = citing.noted([text("```\nx\n```\n", place())])
    assert "```\nx\n```\n\n¹\n" == said


@pytest.mark.parametrize(
    ("citation", "expected"),
    [
        ({"start_page_number": 3, "end_page_number": 4, "document_title": "p.pdf"}, "¹ p.pdf, page 3: “x”"),
        (
            {"start_page_number": 3, "end_page_number": 6, "document_title": "p.pdf"},
            "¹ p.pdf, pages 3–5: “x”",
        ),
        ({"start_block_index": 0, "end_block_index": 1, "document_index": 1}, "¹ document 2, part 1: “x”"),
        ({"url": "https://example.org", "title": "Tides"}, "¹ Tides: “x”"),
        ({"source": "notes", "start_block_index": 1, "end_block_index": 3}, "¹ notes, parts 2–3: “x”"),
        ({}, "¹ “x”"),
    ],
)
def test_a_note_points_at_the_passage(citation, expected):
    _, (note,) = citing.noted([text("a", {"cited_text": "x", **citation})])
    assert expected == str(note)


def test_a_long_passage_is_cut():
    _, (note,) = citing.noted([text("a", place(cited="word " * 500))])
    assert citing.MOST_QUOTED + 2 >= len(note.text)
    assert note.text.endswith(" …")


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
def test_o1_a_note_does_nothing_whatever_is_cited(attack):
    bad = {"cited_text": attack, "title": attack, "url": f"javascript:{attack}"}
    _, notes = citing.noted([text("a", bad)])
    html = looks.notes(notes)
    assert ["div", "div", "q"] == _tags(html)


def _tags(html):
    from html.parser import HTMLParser

    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: found.append(tag)
    parser.feed(html)
    return found


def test_a_note_about_a_page_links_to_it():
    _, notes = citing.noted(
        [text("a", {"cited_text": "x", "title": "T", "url": "https://example.org/?a=1&b"})]
    )
    assert (
        '<a href="https://example.org/?a=1&amp;b" rel="noopener noreferrer" target="_blank">T</a>'
        in looks.notes(notes)
    )


def body(*blocks, **more):
    return {"messages": [{"role": "user", "content": list(blocks)}], **more}


PDF = {"type": "document", "source": {"type": "base64"}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": [PDF]}


@pytest.mark.parametrize(
    ("blocks", "wanted", "on"),
    [
        ([PDF], True, [True]),
        ([PDF], None, [False]),
        ([PDF, {**PDF, "citations": citing.ON}], None, [True, True]),
        ([RESULT, {**PDF, "citations": citing.ON}], False, [True, True]),
    ],
    ids=["asked for", "not asked for", "one has them", "in a result"],
)
def test_citations_are_on_for_all_documents_or_for_none(blocks, wanted, on):
    made = citing.enable(body(*blocks), wanted)
    assert on == [bool(b.get("citations")) for b in citing._cited(made["messages"][0]["content"])]


def test_what_was_said_before_is_not_changed():
    asked = body(PDF)
    citing.enable(asked, True)
    assert body(PDF) == asked


def test_there_has_to_be_something_to_cite():
    with pytest.raises(InputError, match="There is no document to cite") as caught:
        citing.enable(body({"type": "text", "text": "hi"}), True)
    assert "--attach" in caught.value.hint


def test_an_answer_in_json_cannot_cite():
    with pytest.raises(InputError, match="cannot be cited in an answer in JSON"):
        citing.enable(body(PDF, output_config={"format": {"type": "json_schema"}}), True)


def test_a_file_that_is_uploaded_is_cited_too(tmp_path):
    (tmp_path / "long.txt").write_text("The tide was high. " * 60_000)
    client = Client(base_url="practice:")
    rendered = render("", {}, attach=[tmp_path / "long.txt"], citations=True)
    messages = [{"role": "user", "content": rendered.blocks}]
    for (made,) in (uploads.unsent(messages), uploads.sent(messages, client)[0]):
        (block,) = made["content"]
        assert ("document", citing.ON, "long.txt") == (block["type"], block["citations"], block["title"])


def test_ask_takes_citations_from_python(tmp_path):
    (tmp_path / "tide.txt").write_text("The tide was high at six. Boats left.")
    answer = ask(
        "When was the tide high?",
        attach=[tmp_path / "tide.txt"],
        citations=True,
        client=Client(base_url="practice:"),
    )
    assert "The tide was high at six." == answer.citations[0].cited_text

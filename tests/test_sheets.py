"""Is one of the API's objects, or a list of them, shown so that it can be read, and safely?"""

from __future__ import annotations

import copy
import json as plain_json
import re

import pytest

from claude_magic.api.pages import Page
from claude_magic.errors import InputError
from claude_magic.protocol import sheets
from claude_magic.wire import Message, Record, Usage, record

FILE = {
    "id": "file_1",
    "type": "file",
    "filename": "a b.csv",
    "size_bytes": 12_345,
    "created_at": "2026-11-25T23:57:00.967+02:00",
    "expires_at": None,
    "scope": {"type": "session", "id": "s_1"},
}
OTHER = {"id": "file_2", "type": "file", "downloadable": True, "tags": ["a", "b"], "parts": [{"x": 1}] * 3}


def table(html: str) -> list[list[str]]:
    """Return the rows of the HTML's table."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_a_page_is_a_table_with_a_head_of_all_the_short_fields():
    shown = Page({"data": [FILE, OTHER], "has_more": False, "first_id": "file_1"})._repr_html_()
    head = ["id", "filename", "size_bytes", "created_at (UTC)", "downloadable", "tags", "parts"]
    assert [
        [*head, "scope.type", "scope.id"],
        ["file_1", "a b.csv", "12,345", "2026-11-25 21:57", "", "", "", "session", "s_1"],
        ["file_2", "", "", "", "True", "a, b", "3 items", "", ""],
    ] == table(shown)
    assert "first_id" not in shown
    assert "2 items</div>" in shown
    assert 'text-align:right;white-space:nowrap;padding:2px 8px">12,345' in shown
    assert 'text-align:left;white-space:nowrap;padding:2px 8px">file_1' in shown


def test_a_page_as_text_is_a_line_for_each_item():
    page = Page({"data": [FILE, OTHER], "next_page": "p", "data_refreshed_at": "2026-11-25T10:00:00Z"})
    head, first, second, note = repr(page).splitlines()
    assert head.startswith("id      filename  size_bytes  created_at (UTC)  downloadable")
    assert first.startswith("file_1  a b.csv       12,345  2026-11-25 21:57")
    assert second.startswith("file_2 ")
    assert "2 items on this page, and more pages follow: iterate, or .to_frame()" in note
    assert note.endswith("data_refreshed_at (UTC) 2026-11-25 10:00")


def test_a_long_page_is_shown_within_bounds():
    wide = {f"field_{n}": "x" * 500 for n in range(100)}
    page = Page({"data": [{"id": f"x_{n}", **wide} for n in range(1000)], "has_more": True})
    lines = repr(page).splitlines()
    assert sheets.MOST_LINES + 2 == len(lines)
    assert max(map(len, lines[:-1])) <= sheets.WIDE
    assert "1,000 items on this page" in lines[-1]
    assert "the first 20 are shown" in lines[-1]
    rows = table(page._repr_html_())
    assert (sheets.MOST_ROWS + 1, {sheets.MOST_COLUMNS}) == (len(rows), {len(row) for row in rows})
    assert sheets.LONG == len(rows[1][1])


@pytest.mark.parametrize("data", [[], None, [1, None, "a"], [{}]])
def test_a_page_of_nothing_or_of_something_else_is_shown_too(data):
    page = Page({"data": data})
    assert f"{len(data or ())} item" in repr(page)
    assert page._repr_html_()


def test_an_object_is_a_list_of_two_columns():
    shown = record(FILE)._repr_html_()
    assert ["created_at (UTC)", "2026-11-25 21:57"] in table(shown)
    assert ["scope.id", "s_1"] in table(shown)
    assert "expires_at" not in shown
    assert "<details" not in shown
    assert "text-align:right" not in shown
    assert [["input_tokens", "98"], ["speed", "fast"]] == table(
        Usage(input_tokens=98, speed="fast")._repr_html_()
    )


@pytest.mark.parametrize(
    "fields",
    [{"a": {"b": {"c": "deep"}}}, {"a": ["one"]}, {"a": "x" * 81}, {f"f{n}": n for n in range(41)}],
    ids=["deep", "a list", "long", "many"],
)
def test_what_a_list_of_two_columns_does_not_show_is_folded_in_whole(fields):
    shown = Record(fields)._repr_html_()
    folded = re.search(r"<details>.*<pre>(.*)</pre></details>", shown, re.DOTALL)
    assert folded
    assert fields == plain_json.loads(folded[1].replace("&quot;", '"'))


def test_a_message_is_its_text_with_its_fields_folded():
    shown = Message(
        model="m", stop_reason="end_turn", content=[Record(type="text", text="a <b>")]
    )._repr_html_()
    assert '<pre style="white-space:pre-wrap">a &lt;b&gt;</pre>' in shown
    assert "m · end_turn</summary>" in shown


EVIL = "<img src=x onerror=alert(1)>\x1b[2J$x$"


def test_o1_nothing_of_an_object_is_markup():
    fields = {"id": EVIL, EVIL: EVIL, "in": {EVIL: EVIL}, "list": [EVIL], "objects": [{EVIL: EVIL}]}
    page = Page({"data": [fields], EVIL: EVIL, "next_page": EVIL})
    for shown in (record(fields)._repr_html_(), page._repr_html_(), Message(model=EVIL)._repr_html_()):
        assert "<img" not in shown
        assert "\x1b" not in shown
        assert "mathjax_ignore" in shown
    assert "\x1b" not in repr(page)


@pytest.mark.parametrize(
    "text", ["2026-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00", "2026-11-25", "2026-11-25T10:00:00"]
)
def test_what_is_no_moment_with_a_zone_stays_as_it_is(text):
    assert [["at", text]] == table(Record(at=text)._repr_html_())


def test_a_page_says_how_it_is_counted_and_where_its_items_are():
    page = Page({"data": [FILE]})
    with pytest.raises(TypeError, match=r"len\(page\.data\).*len\(list\(page\)\)"):
        len(page)
    with pytest.raises(InputError, match=r"in \.data") as caught:
        page[0]
    assert "page.data[0]" in caught.value.hint
    with pytest.raises(KeyError):
        page["of_tomorrow"]
    assert [FILE] == list(page)
    assert page == copy.copy(page)
    assert {"data": []} == plain_json.loads(plain_json.dumps(Page({"data": []}), indent=2))

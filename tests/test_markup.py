"""Can a model's text become anything but words, links and formulas?"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claude_magic.looks.markup import COLOURED, FORMATTED, answer_html
from tests.hostile import HOSTILE

TAGS = re.compile(
    "a|blockquote|br|code|del|div|em|h[1-6]|hr|li|ol|p|pre|s|span|strong|table|tbody|td|th|thead|tr|ul"
)
ATTRIBUTES = {
    "class": re.compile(r"highlight|mathjax_process tex2jax_process|[a-z0-9]{1,3}"),
    "href": re.compile(r"(https?://|mailto:)\S+", re.IGNORECASE),
    "rel": re.compile("noopener noreferrer"),
    "target": re.compile("_blank"),
    "start": re.compile(r"\d{1,9}"),
    "style": re.compile(
        r"text-align:(left|right|center)|white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:0"
        r"|margin:0 0 1em"
    ),
}
FORMATS = ("markdown", "text", "code", "json", "df", "html")
every_format = pytest.mark.parametrize("format", FORMATS)
NASTY = (
    *(
        "<script>",
        "<img/onerror=x>",
        "</pre>",
        "</div>",
        "<http://x>",
        "<javascript:1>",
        "&",
        "&lt;",
        "&#58;",
    ),
    *("[a](", ")", "![b](", "javascript:", "http://h.invalid", '"', "'", ">", "[]:", "[a]", "id=", "class="),
    *("\n", "\n\n", "```", "~~~", "`", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\begin{a}", "\\end{a}"),
    *("\\href{javascript:1}{x}", "-", "|", "|--|", "*", "_", "#", "\t", "\x00", "\x1b[", " ", "style="),
)
nasty = st.lists(st.sampled_from(NASTY), max_size=25).map("".join)


class _Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.odd: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.odd += [tag] if not TAGS.fullmatch(tag) else []
        self.odd += [
            f"{k}={v}" for k, v in attrs if k not in ATTRIBUTES or not ATTRIBUTES[k].fullmatch(v or "")
        ]

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        self.odd.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@every_format
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_o1_a_hostile_answer_becomes_only_tags_and_attributes_on_the_list(text, format):
    assert _Seen(answer_html(text, format)).odd == []


@given(nasty, st.sampled_from(FORMATS))
@example("[a]()", "markdown")
@example("![a]()", "markdown")
def test_o1_no_text_becomes_a_tag_or_attribute_that_is_not_on_the_list(text, format):
    assert _Seen(answer_html(text, format)).odd == []


def test_o1_the_list_would_catch_html_that_got_through():
    assert ["script", "onerror=1"] == _Seen('<script></script><a onerror="1">').odd


@every_format
def test_o4_terminal_escapes_are_shown(format):
    assert "␛[2J" in "".join(_Seen(answer_html("a \x1b[2J b", format)).words)


@pytest.mark.parametrize(
    "tex",
    [
        "$x_1 + y_2$",
        "$$a_b*c*d$$",
        r"\(a_1\)",
        r"\[z \\[2pt] *y*\]",
        "$$\na\n= b\n- c\n$$",
        "\\begin{align}\nx &= 1 \\\\\n\\end{align}",
    ],
)
def test_a_formula_reaches_the_typesetter_as_written(tex):
    made = answer_html(f"{tex}\n")
    assert 'class="mathjax_process tex2jax_process"' in made
    assert tex in "".join(_Seen(made).words)


@pytest.mark.parametrize(
    "text", ["costs $5 and $10", "US$5 (AU$7)", "$6-$7", "from $5, to $ 6", "a `$x$` b", "\\$x\\$"]
)
def test_prices_and_code_are_not_formulas(text):
    assert "mathjax_process" not in answer_html(text)


@pytest.mark.parametrize(
    "command",
    [
        *("href", "class", "style", "cssId", "htmlData", "unicode", "require", "rule"),
        *("def", "let", "newcommand", "renewcommand", "DeclareMathOperator"),
    ],
)
def test_o1_a_formula_that_could_link_load_or_redefine_is_shown_as_its_source(command):
    tex = rf"\{command}{{x}}{{y}}"
    made = answer_html(f"${tex}$ and\n\n$$\n{tex}\n$$")
    assert "mathjax_process" not in made
    assert made.count("<code>") == 2


def test_a_formula_whose_command_only_begins_like_an_unsafe_one_is_typeset():
    assert "mathjax_process" in answer_html(r"$\letter + \default + \leq$")


def test_an_image_becomes_a_link_that_fetches_nothing():
    link = '<a href="http://h.invalid/i.png" rel="noopener noreferrer" target="_blank">image: a plot</a>'
    assert f"<p>{link}</p>\n" == answer_html("![a plot](http://h.invalid/i.png)")


@pytest.mark.parametrize(
    "target", ["javascript:1", "/files/x", "//h.invalid", "data:text/html,1", "#top", "file:///x"]
)
def test_o1_a_link_elsewhere_than_the_web_or_mail_is_shown_as_text(target):
    assert f"<p>[x]({target})</p>\n" == answer_html(f"[x]({target})")


def test_fenced_code_is_coloured_by_the_themes_classes():
    assert '<pre><code><span class="k">def</span>' in answer_html("```python\ndef f(): pass\n```")


@pytest.mark.parametrize("language", ["mermaid", "no-such-language", 'x"onload=1', ""])
def test_code_in_an_unknown_language_is_shown_plainly(language):
    code = '<div class="highlight" style="margin:0 0 1em"><pre><code>a &lt; b\n</code></pre></div>\n'
    assert code == answer_html(f"```{language}\na < b\n```")


def test_code_format_shows_the_blocks_of_code_only():
    made = answer_html("Words.\n```sql\nselect 1\n```\nMore words.\n", "code")
    assert "select" in made
    assert "ords" not in made


def test_code_format_shows_all_of_an_answer_without_fences():
    assert "<span" in answer_html("import this", "code")


def test_json_format_shows_json_indented_and_other_text_as_it_is():
    assert (
        '{\n  "a": "é"\n}'
        == "".join(_Seen(answer_html('```json\n{"a":"\\u00e9"}\n```', "json")).words).strip()
    )
    assert "not json" in answer_html("not json", "json")


def test_html_format_shows_the_source():
    assert "<b>x</b>" == "".join(_Seen(answer_html("<b>x</b>", "html")).words).strip()


def test_a_very_long_answer_is_shown_as_plain_text_and_says_so():
    made = answer_html("*a* " * (FORMATTED // 4 + 1))
    assert "<em>a</em>" not in made
    assert "too long to format" in made


def test_code_beyond_the_limit_is_shown_without_colours():
    made = answer_html("```python\n" + "x = 1\n" * (COLOURED // 6 + 1) + "```\n")
    assert "<code>x = 1\n" in made

"""How does a model's text become HTML that shows it and can do nothing?

Nothing of the text becomes a tag, a class, an id, a style or an address that is fetched: raw HTML is text,
an image is a link, a link goes to http, https or mailto in a new tab. A formula is left to the notebook's
typesetter only when none of its commands can make links, load code or change what other formulas mean.
"""

from __future__ import annotations

import html
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.prompts.fences import fences
from claude_magic.prompts.texts import json_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

FORMATTED = 250_000  # characters; more is shown as plain text (0.1 s usually, 4 s at worst)
COLOURED = 50_000  # characters of code; what is beyond is shown without colours (0.2 s)
LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]+", re.IGNORECASE)
PRE = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:0"

# TeX that makes links, classes or ids, loads packages, redefines commands for the whole page or draws large.
# https://docs.mathjax.org/en/v3.2/input/tex/macros/index.html
UNSAFE = re.compile(
    r"\\(?:href|url|class|style|cssId|html\w*|data|unicode|U|require|mmlToken|toggle|mathtip|texttip|action|bbox"
    r"|[rR]ule|Space|[egx]?def|(?:future)?let|(?:re)?newcommand|providecommand|(?:re)?newenvironment|Declare\w*"
    r"|includegraphics)(?![a-zA-Z])"
)
INLINE = re.compile(
    r"\$\$(?:\\.|[^$\\])+\$\$"
    r"|\$(?![\s$])(?:\\.|[^$\\])+(?<!\s)\$(?![\d$])"
    r"|\\\((?:\\[^()\[\]]|[^\\])+\\\)"
    r"|\\\[(?:\\[^()\[\]]|[^\\])+\\\]",
    re.DOTALL,
)
OPENER = re.compile(r"\$\$|\\\[|\\begin\{([a-zA-Z]{1,20}\*?)\}")


def answer_html(text: str, format: str = "markdown") -> str:
    """Return safe HTML of a model's text: format is markdown, text, code, json, df or html (its source)."""
    text = printable(text)
    if len(text) > FORMATTED:
        return f"{_plain(text)}<p><em>Shown as plain text: too long to format.</em></p>"
    return _FORMATS.get(format, _plain)(text)


def ready() -> None:
    """Load what a text is formatted with; the first time that takes a fifth of a second."""
    answer_html("```python\nx\n```")


def _plain(text: str) -> str:
    return f'<pre style="{PRE}">{html.escape(text)}</pre>'


def _markdown(text: str) -> str:
    parser = _parser()
    tokens, left = parser.parse(text), COLOURED
    for token in tokens:
        if token.type == "fence" and (left := left - len(token.content)) < 0:
            token.info = ""
    return str(parser.renderer.render(tokens, parser.options, {}))


def _code(text: str) -> str:
    blocks = [(b.language, b.text) for b in fences(text)] or [("python", text)]
    return "".join(highlighted(code, info) for info, code in blocks)


def _json(text: str) -> str:
    try:
        value = json_value(text)
    except ValueError:
        return _plain(text)
    return highlighted(json.dumps(value, indent=2, ensure_ascii=False), "json")


def _source(text: str) -> str:
    return highlighted(next((block.text for block in fences(text)), text), "html")


_FORMATS = {"markdown": _markdown, "text": _plain, "code": _code, "json": _json, "df": _json, "html": _source}


def highlighted(code: str, language: str = "") -> str:
    """Return a block of code with Pygments' classes, which notebook themes colour."""
    body = html.escape(code)
    name = (language.split() or [""])[0].lower()
    if (lexer := _lexer(name)) and len(code) <= COLOURED:
        from pygments import highlight
        from pygments.formatters.html import HtmlFormatter

        body = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return f'<div class="highlight" style="margin:0 0 1em"><pre><code>{body}</code></pre></div>\n'


@lru_cache(maxsize=64)
def _lexer(name: str) -> Any:
    """Return Pygments' lexer of that name, or None."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not re.fullmatch(r"[\w+#.-]{1,30}", name):
        return None
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: bool(LINK.fullmatch(url))  # type: ignore[method-assign]
    parser.inline.ruler.before("escape", "math", _inline_math)
    around = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "math_block", _block_math, around)  # type: ignore[arg-type]
    for kind, show in _RULES.items():
        parser.add_render_rule(kind, lambda _, tokens, i, *__, show=show: show(tokens[i]))
    return parser


def _inline_math(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\" or not (found := INLINE.match(state.src, state.pos)):
        return False
    if not silent:
        state.push("math", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _block_math(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Take a formula on lines of its own before Markdown sees lists or headings in it."""
    at = state.bMarks[start] + state.tShift[start]
    opener = OPENER.match(state.src, at)
    if not opener or state.parentType == "blockquote" or state.is_code_block(start):
        return False
    closer = {"$$": "$$", "\\[": "\\]"}.get(opener[0], f"\\end{{{opener[1]}}}")
    stop = state.src.find(closer, opener.end(), at + 10_000)
    last = start + state.src.count("\n", at, max(stop, at))
    if stop < 0 or last >= end or state.src[stop + len(closer) : state.eMarks[last]].strip():
        return False
    if not silent:
        state.push("math_block", "", 0).content = state.src[at : stop + len(closer)]
        state.line = last + 1
    return True


def _math(tex: str) -> str:
    if UNSAFE.search(tex):
        return f"<code>{html.escape(tex)}</code>"
    return f'<span class="mathjax_process tex2jax_process">{html.escape(tex)}</span>'


def _show_link(token: Token) -> str:
    return _link(token.attrGet("href"))


def _show_image(token: Token) -> str:
    """Return a link to the image: fetching it would tell its server who reads what."""
    return f"{_link(token.attrGet('src'))}image: {html.escape(token.content or 'no description')}</a>"


def _link(address: Any) -> str:
    if not address:
        return "<a>"  # a link to nowhere would lead to this page
    return f'<a href="{html.escape(str(address))}" rel="noopener noreferrer" target="_blank">'


_RULES: dict[str, Callable[[Token], str]] = {
    "math": lambda token: _math(token.content),
    "math_block": lambda token: f"<p>{_math(token.content)}</p>\n",
    "fence": lambda token: highlighted(token.content, token.info),
    "code_block": lambda token: highlighted(token.content),
    "image": _show_image,
    "link_open": _show_link,
}

"""Which classical errors of a cell can be corrected by rule?

A lesson can show `%claude fix` without a model: a misspelt name or column, a missing colon, bracket or
indent, a division by zero, a package that is not installed. All is taken from the prompt's own text; what is
changed is marked in the cell as practice, and what no rule fits is said to be so.
"""

from __future__ import annotations

import ast
import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "  # practice: corrected by rule"
_PART = re.compile(
    r"^<(cell|traceback|value) of=\"([^\"\n]*)\"[^\n]*>\n(.*?)\n</\1>$", re.DOTALL | re.MULTILINE
)
_WANTED = re.compile(r"\bwhole corrected cell as one fenced block\b")
_EXPLAIN = re.compile(r"Explain (?:this (?:cell|error) of a notebook|to the author of a notebook what)\b")
_PLACE = re.compile(r"^  (\S.*), line (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^(?:\w+\.)*(\w+): (.*)$", re.MULTILINE)
_DEFINES = re.compile(r"^\s*((?:async )?(?:def|class) \w+)", re.MULTILINE)
_COLUMN = re.compile(r"^- (.{1,80}?): ", re.MULTILINE)
KNOWN = (
    "a misspelt name, column or attribute, a missing colon, bracket or indent, a division by zero, and a "
    "package that is not installed"
)


class Case(NamedTuple):
    """A failed cell as a prompt tells it: `lines` of the source the error arose in, `at` the line, from 0."""

    name: str
    lines: list[str]
    at: int
    message: str
    values: dict[str, str]
    prompt: str


class Mended(NamedTuple):
    """What is wrong in words, and the lines of the whole cell."""

    why: str
    lines: list[str]


def say(prompt: str) -> str | None:
    """Return what the practice server says to a prompt about a cell; None to any other prompt."""
    if _WANTED.search(prompt) is None and _EXPLAIN.match(prompt.lstrip()) is None:
        return None
    parts = [(tag, name, text) for tag, name, text in _PART.findall(prompt)]
    sources = {name: text for tag, name, text in parts if tag == "cell"}
    if not sources and not _WANTED.search(prompt):
        sources = {name: text for tag, name, text in parts if tag == "value" and _is_code(text)}
    if not sources:
        return None
    failed = next((text for tag, _, text in parts if tag == "traceback"), "")
    if not _WANTED.search(prompt):
        return _described(list(sources.values())[-1], failed)
    case, kind = _case(prompt, sources, failed, {n: t for tag, n, t in parts if tag == "value"})
    mended = RULES[kind](case) if case and kind in RULES else None
    if mended is None:
        return f"No model was asked, and no rule fits this cell. The practice server corrects {KNOWN}."
    which = f"# {case.name}\n" if case and len(sources) > 1 else ""
    code = "\n".join(mended.lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
    return f"By rule, without a model: {mended.why}\n\n{fence}python\n{which}{code}\n{fence}"


def _case(
    prompt: str, sources: dict[str, str], failed: str, values: dict[str, str]
) -> tuple[Case | None, str]:
    """Return the case and the name of its error."""
    errors = _FAILED.findall(failed)
    kind, message = errors[-1] if errors else ("", "")
    for name, line in reversed(_PLACE.findall(failed)):
        where = next(iter(sources)) if name.startswith("<timed ") and len(sources) == 1 else name
        if where in sources:
            lines = sources[where].split("\n")
            at = int(line) - 1 + lines[0].startswith("%%")  # a cell's magic counts from its second line
            return (Case(where, lines, at, message, values, prompt) if at < len(lines) else None), kind
    return None, kind


def _is_code(text: str) -> bool:
    return text.lstrip().startswith(("def ", "class ", "async def ", "@"))


def _with(case: Case, line: str, why: str, *, at: int | None = None) -> Mended | None:
    """Return the cell with a line changed and marked; None where nothing changes."""
    at = case.at if at is None else at
    if line == case.lines[at]:
        return None
    mark = "" if line.rstrip().endswith("\\") else MARK
    return Mended(why, [*case.lines[:at], line + mark, *case.lines[at + 1 :]])


def _name(case: Case) -> Mended | None:
    found = re.search(r"name '(\w+)' is not defined", case.message)
    near = re.search(r"^Names that exist and are like `\w+`: `(\w+)`", case.prompt, re.MULTILINE)
    if not found or not near:
        return None
    line = re.sub(rf"\b{found[1]}\b", near[1], case.lines[case.at])
    return _with(case, line, f"there is no `{found[1]}`, but there is `{near[1]}`.")


def _key(case: Case) -> Mended | None:
    found = re.fullmatch(r"(['\"])(.+)\1", case.message.strip())
    if not found:
        return None
    known = [key for text in case.values.values() for key in _keys(text)]
    near = difflib.get_close_matches(found[2], known, n=1, cutoff=0.5)
    if not near:
        return None
    line = re.sub(rf"(['\"]){re.escape(found[2])}\1", lambda m: f"{m[1]}{near[0]}{m[1]}", case.lines[case.at])
    return _with(case, line, f"there is no `{found[2]}`, but there is `{near[0]}`.")


def _keys(text: str) -> list[str]:
    return [*_COLUMN.findall(text), *re.findall(r"['\"]([^'\"\n]{1,80})['\"]\s*:", text)]


def _attribute(case: Case) -> Mended | None:
    found = re.search(r"has no attribute '(\w+)'", case.message)
    columns = [key for text in case.values.values() for key in _keys(text)]
    near = difflib.get_close_matches(found[1], [*columns, *USUAL], n=1, cutoff=0.6) if found else []
    if not found or not near:
        return None
    line = re.sub(rf"\.{found[1]}\b", f".{near[0]}", case.lines[case.at])
    return _with(case, line, f"there is no `.{found[1]}`; `.{near[0]}` is near.")


USUAL = """append capitalize columns copy count describe drop dropna dtypes endswith extend fillna groupby
head info insert items join keys lower max mean median merge min pop query remove rename replace shape
sort_values split startswith std strip sum tail title update upper value_counts values""".split()  # noqa: SIM905
"""Attributes that beginners misspell."""


def _syntax(case: Case) -> Mended | None:
    line = case.lines[case.at].rstrip()
    if "expected ':'" in case.message:
        return _with(case, f"{line}:", "a colon is missing at the end of the line.")
    if opened := re.search(r"'([(\[{])' was never closed", case.message):
        closing = dict(zip("([{", ")]}", strict=True))[opened[1]]
        return _with(case, line + closing, f"the `{opened[1]}` is not closed.")
    if re.search(r"Maybe you meant '==|cannot assign to", case.message):
        changed = re.sub(r"^(\s*(?:if|elif|while)\b[^=]*[^=!<>])=(?!=)", r"\1==", line)
        return _with(case, changed, "`=` assigns; `==` compares.")
    if called := re.search(r"Missing parentheses in call to '(\w+)'", case.message):
        changed = re.sub(rf"\b{called[1]}\s+(.+)$", rf"{called[1]}(\1)", line)
        return _with(case, changed, f"`{called[1]}` is a function and takes parentheses.")
    return None


def _indentation(case: Case) -> Mended | None:
    above = next((line for line in reversed(case.lines[: case.at]) if line.strip()), "")
    indent = above[: len(above) - len(above.lstrip())]
    if "unexpected indent" in case.message:
        why = "the line is indented, and no block is open."
        return _with(case, indent + case.lines[case.at].lstrip(), why)
    if "expected an indented block" not in case.message:
        return None
    indent += " " * 4
    return _with(case, indent + case.lines[case.at].lstrip(), "the line belongs inside the block above it.")


def _division(case: Case) -> Mended | None:
    line = case.lines[case.at]
    bare = line.lstrip()
    try:
        (statement,) = ast.parse(bare if not bare.startswith("return") else f"def f(): {bare}").body
    except (SyntaxError, ValueError):
        return None
    shift = len("def f(): ") if bare.startswith("return") else 0
    for node in ast.walk(statement):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            start, end = node.col_offset - shift, (node.end_col_offset or 0) - shift
            whole, under = bare[start:end], ast.unparse(node.right)
            changed, why = f'({whole} if {under} else float("nan"))', f"`{under}` is 0 here"
            if isinstance(node.right, ast.Constant):
                changed, why = 'float("nan")', f"`{whole}` has no value"
            line = line[: len(line) - len(bare)] + bare[:start] + changed + bare[end:]
            return _with(case, line, f"{why}; what cannot be divided becomes `nan`.")
    return None


def _module(case: Case) -> Mended | None:
    found = re.search(r"No module named '(\w+)", case.message)
    if not found or case.lines[0].startswith("%%"):
        return None
    return Mended(f"`{found[1]}` is not installed.", [f"%pip install {found[1]}", *case.lines])


RULES: dict[str, Callable[[Case], Mended | None]] = {
    "NameError": _name,
    "UnboundLocalError": _name,
    "KeyError": _key,
    "AttributeError": _attribute,
    "SyntaxError": _syntax,
    "IndentationError": _indentation,
    "ZeroDivisionError": _division,
    "ModuleNotFoundError": _module,
}


def _described(source: str, failed: str) -> str:
    """Return what can be said of a cell by counting, and of its error by repeating it."""
    lines = [line for line in source.split("\n") if line.strip()]
    size = "there is 1 line" if len(lines) == 1 else f"there are {len(lines)} lines"
    said = [f"By rule, without a model: {size}."]
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        body = []  # of a long one only the beginning is sent
        if found := _DEFINES.search(source):
            said.append(f"It begins with `{found[1]}`.")
    for words, kinds in KINDS:
        told = [ast.unparse(node).split("\n")[0].rstrip(":") for node in body if isinstance(node, kinds)]
        if told:
            said.append(f"It {words} {', '.join(f'`{t[:60]}`' for t in told[:4])}.")
    if errors := _FAILED.findall(failed):
        said.append(f"It ended in `{errors[-1][0]}`: {errors[-1][1]}.")
    return " ".join(said)


KINDS: tuple[tuple[str, tuple[type[ast.stmt], ...]], ...] = (
    ("imports with", (ast.Import, ast.ImportFrom)),
    ("defines", (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)),
    ("assigns in", (ast.Assign, ast.AugAssign, ast.AnnAssign)),
    ("repeats or chooses in", (ast.For, ast.While, ast.If, ast.With, ast.Try)),
    ("evaluates", (ast.Expr,)),
)

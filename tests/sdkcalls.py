"""Which calls does the official SDK make, and what does it take their answers for?"""

from __future__ import annotations

import ast
import functools
import importlib
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic

ROOT = Path(anthropic.__file__).parent
VERBS = {
    "_get": "GET",
    "_post": "POST",
    "_delete": "DELETE",
    "_get_api_list": "GET",
    "_put": "PUT",
    "_patch": "PATCH",
}
RESULTS = "/v1/messages/batches/{message_batch_id}/results"  # the SDK takes this address from the batch


class Call(NamedTuple):
    """A call in the SDK's source: its answer's type as written, and the module that knows the names."""

    method: str
    path: str
    module: str
    answer: str

    @property
    def type(self) -> Any:
        """The type of the answer, or of one item of a list."""
        module = importlib.import_module(self.module)
        names = {**vars(typing), **vars(module), "cast": lambda _, value: value}
        return eval(re.sub(r"^\w*JSONLDecoder\[(.*)\]$", r"\1", self.answer), names)


@functools.cache
def calls() -> dict[tuple[str, str], Call]:
    """Return the SDK's calls by verb and path; where two namespaces make the same, the general one's."""
    general_last = sorted(_calls(), key=lambda call: ".beta." in call.module, reverse=True)
    return {(call.method, call.path): call for call in general_last}


def _calls() -> Iterator[Call]:
    for file in (ROOT / "resources").rglob("*.py"):
        module = ".".join(("anthropic", *file.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and (path := _path(node)):
                words = {word.arg: word.value for word in node.keywords}
                method = VERBS[node.func.attr]
                if "method" in words:
                    method = ast.literal_eval(words["method"]).upper()
                answer = words.get("cast_to") or words.get("model")
                yield Call(method, path.partition("?")[0], module, ast.unparse(answer))


def _path(node: ast.Call) -> str | None:
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr not in VERBS or not node.args:
        return None
    if ast.unparse(function.value) != "self":
        return None
    first = node.args[0].args[0] if isinstance(node.args[0], ast.Call) else node.args[0]
    if isinstance(first, ast.Constant):
        return str(first.value)
    return RESULTS if ast.unparse(first) == "batch.results_url" else None

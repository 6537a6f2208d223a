"""Which request does each row make, and which rows cannot be asked?

A plan sends nothing. It makes each request once to know its key, and again when it is to be sent, so that
100,000 of them are never held. What is wrong with all rows is an error here, before any call; what is wrong
with one row is the reason why that row is not asked.
"""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.api.caller import betas_of
from claude_magic.errors import InputError
from claude_magic.prompts import private
from claude_magic.protocol import catalog
from claude_magic.rows.asked import examples as shots
from claude_magic.rows.asked import inputs
from claude_magic.rows.asked.prompts import Prompts, check_differ, prompts, with_pictures
from claude_magic.rows.asked.requests import Requests
from claude_magic.rows.asked.template import Unfit
from claude_magic.rows.asked.varied import Varied
from claude_magic.rows.columns import table
from claude_magic.rows.outcome import Ask
from claude_magic.talk import compose, fitting, forms
from claude_magic.talk.fitting import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from claude_magic import schema
    from claude_magic.grammar.keywords import Choices
    from claude_magic.rows.asked.inputs import Rows
    from claude_magic.rows.asked.prompts import Prompt
    from claude_magic.talk.forms import Form

    Content = str | list[dict[str, Any]]

TOGETHER = 1_000  # rows, or
MOST_TOGETHER = 1_000_000  # characters, that are looked through for secrets at once
OF_ALL = frozenset({"missing_part", "unreadable_value", "unusable_prompt", "prompt_error", "invalid_params"})
"""Reasons which, where every row has them, are the fault of what was asked and not of the rows."""
SEED = 5
KINDS = {
    "prefix": Kind(lambda value: isinstance(value, str), "a text", 'prefix="my_"'),
    "system": Kind(lambda value: isinstance(value, str | list | None), "a text", 'system="Be brief."'),
    "max_tokens": Kind(
        lambda n: n is None or fitting.is_count(int(n) if isinstance(n, str) and n.isdecimal() else n),
        "a whole number above 0",
        "max_tokens=500",
    ),
    **{name: Kind(fitting.is_switch, "True or False", f"{name}=True") for name in ("dedupe", "details")},
    **{name: fitting.KINDS[name] for name in ("params", "choices")},
}


class Plan:
    """What rows ask: `keys`, "" where a row cannot be asked, and why in `unfit`: row -> (error_type, error).

    `first` names for each key, in order, the row whose request is sent for it. `betas` go into a header, live
    and in a batch. `template` is the prompt as it was written.
    """

    def __init__(
        self,
        rows: Rows,
        made: Prompts,
        varied: Varied,
        form: Form | None,
        *,
        prefix: str = "claude_",
        dedupe: bool = True,
        betas: Sequence[str] = (),
    ) -> None:
        self.rows, self.template, self.prefix = rows, made.written, prefix
        self.form, self.model, self.betas = form, varied.usual.model, betas
        self.unfit: dict[int, tuple[str, str]] = {}
        self._made, self._varied = made, varied
        self.keys: Sequence[str] = self._keys() if dedupe else _numbered(self._keys())
        self.first: dict[str, int] = {}
        for n, key in enumerate(self.keys):
            if key:
                self.first.setdefault(key, n)
        self._check_any()

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Plan: {len(self):,} rows, {len(self.first):,} requests to {self.model}>"

    @property
    def shape(self) -> schema.Shape | None:
        """What the answers are to be, None for texts."""
        return self.form.shape if self.form else None

    @property
    def unasked(self) -> str:
        """How many rows cannot be asked, and why the first cannot; "" where all can."""
        if not self.unfit:
            return ""
        count, (_, why) = len(self.unfit), self.unfit[min(self.unfit)]
        return f"{count:,} row{'s' * (count != 1)} cannot be asked: {why}"

    @property
    def notes(self) -> list[str]:
        """What a reader should know before it runs."""
        return [*compose.notes({"model": self.model}), *(self.form.notes(self.model) if self.form else [])]

    def body(self, row: int) -> dict[str, Any]:
        """Return the body that a row asks with, the same live and in a batch.

        Raises InputError where it has none, and where what it is made of has changed since: a function that
        does not make the same prompt each time, a file that is another.
        """
        try:
            content, requests = self._ask(row)
        except Unfit as reason:
            raise InputError(f"Row {row} cannot be asked: {reason.why}", hint="Run the cell again.") from None
        if not self._made.steady and requests.key(content) != self.keys[row].partition("-")[0]:
            hint = "The same row must make the same prompt each time, and its files must stay as they are."
            raise InputError(f"Row {row} asks something else than a moment ago", hint=hint)
        return requests.body(content)

    def prompt(self, row: int) -> str:
        """Return what a row asks as a reader sees it, a word for each picture; "" where it asks nothing."""
        try:
            content = self._made.ask(row).content()
        except Unfit:
            return ""
        if isinstance(content, str):
            return content
        return "\n".join(block.get("text") or f"[{block['type']}]" for block in content)

    def asks(self, keys: Iterable[str]) -> Iterator[Ask]:
        """Yield the request of each key, made when it is its turn; raises InputError as `body` does."""
        for key in keys:
            yield Ask(key, self.body(self.first[key]))

    def _ask(self, row: int) -> tuple[Content, Requests]:
        asked = self._made.ask(row)
        return asked.content(), self._varied.requests(row, asked.params)

    def _keys(self) -> list[str]:
        """Return the key of each row, "" where it cannot be asked."""
        keys = [""] * len(self.rows)
        texts: dict[int, str] = {}
        size = 0
        for n in range(len(keys)):
            try:
                content, requests = self._ask(n)
                text = content if isinstance(content, str) else _text(content)
                requests.check_length(text)
                keys[n] = requests.key(content)
            except Unfit as reason:
                self.unfit[n] = (reason.kind, reason.why)
                continue
            texts[n], size = text, size + len(text)
            if size > MOST_TOGETHER or len(texts) >= TOGETHER:
                self._keep_back(texts, keys)
                texts, size = {}, 0
        self._keep_back(texts, keys)
        return keys

    def _keep_back(self, texts: Mapping[int, str], keys: list[str]) -> None:
        """Take back the keys of rows that hold a secret."""
        if _secret("\n\x00\n".join(texts.values())):
            found = {n: why for n, text in texts.items() if (why := _secret(text))}
            self.unfit |= {n: ("secret", why) for n, why in found.items()}
            for n in found:
                keys[n] = ""

    def _check_any(self) -> None:
        """Raise InputError where no row can be asked, for a reason that lies in what is asked."""
        if 0 < len(self) == len(self.unfit) and {kind for kind, _ in self.unfit.values()} <= OF_ALL:
            raise InputError(f"No row can be asked: {self.unfit[0][1]}", hint="Correct the prompt.")


def plan(
    data: Any,
    prompt: Prompt,
    *,
    output: Any = None,
    choices: Choices = None,
    system: str | None = None,
    model: str | None = None,
    max_tokens: int | None = 1024,
    examples: Any = None,
    images: Any = None,
    params: Mapping[str, Any] | None = None,
    effort: str | None = None,
    think: bool | None = None,
    cache: str | None = None,
    prefix: str = "claude_",
    dedupe: bool = True,
    sample: float | None = None,
    na: str | None = None,
    details: bool = False,
    version: str | None = None,
) -> Plan:
    """Return what each row of a frame, Series, list or dict asks; nothing is sent.

    `prompt` is a template such as "Sum up {review}", a function of a row, the name of a column of prompts,
    or a list of them. `output` is a type, a dict of names to types, or a JSON schema; `choices` are labels.
    `examples` are pairs of input and output, or a frame with both. `images` is a column of pictures, or one
    for each row. A value "{column}" in `params` is the row's own. Rows with a missing value are not asked,
    unless `na` is a text that stands for it. `sample` takes some of the rows, the same each time: a number,
    or a fraction below 1. Equal requests are sent once, without `dedupe` once for each row.

    Raises InputError, before anything is sent, for a column that is not there, a name that is taken, a schema
    that cannot be asked for, and what the model cannot do.
    """
    settings.load_prices()
    fitting.check(locals(), KINDS)
    na = None if na is None else str(na)
    own, whole = dict(params or {}), inputs.rows(data)
    betas = betas_of(own.pop("betas", None))
    name = settings.model(own.get("model") or model).value
    form = forms.form(output, choices, name)
    shape = form.shape if form else None
    made = prompts(prompt, whole, na)
    turns = [] if examples is None else shots.turns(examples, prompt, made.columns, shape, prefix)
    if images is not None:
        made = with_pictures(made, images, whole, tier=_tier(name), na=na)
    elif isinstance(prompt, str) and dedupe:
        check_differ(prompt, made, whole)
    rows, made = _sampled(whole, made, sample)
    cache = str(settings.option("cache", cache).value)
    version = version or str(settings.option("anthropic_version").value)
    requests = functools.partial(Requests, turns=turns, form=form, cache=cache, version=version, betas=betas)
    given = {"system": system, "model": model, "max_tokens": max_tokens, "effort": effort, "think": think}
    varied = Varied(own, rows, lambda more: requests({**given, "params": more}))
    used = [*made.columns, *varied.columns]
    whole.check_names(table.names(shape, prefix=prefix, details=details), prefix=prefix, used=used)
    return Plan(rows, made, varied, form, prefix=prefix, dedupe=dedupe, betas=betas)


def _tier(model: str) -> str | None:
    found = catalog.find(model)
    return found.image_tier if found else None


def _sampled(rows: Rows, made: Prompts, sample: float | None) -> tuple[Rows, Prompts]:
    """Return some of the rows with what they ask, the same each time; more of them begin with fewer."""
    if sample is None:
        return rows, made
    part = isinstance(sample, float) and 0 < sample < 1
    number = round(sample * len(rows)) if part else sample
    if isinstance(number, bool) or not isinstance(number, int) or number < 1 - part:
        raise InputError("sample is a number of rows, or a fraction below 1", hint="Give sample=100 or 0.1.")
    order = [*range(len(rows))]
    random.Random(SEED).shuffle(order)  # noqa: S311 # a choice of rows is no secret
    numbers = sorted(order[:number])
    return rows.take(numbers), made._replace(ask=lambda n: made.ask(numbers[n]))


def _numbered(keys: Sequence[str]) -> list[str]:
    """Return keys that are all different: the second of a kind ends in "-2"."""
    seen: dict[str, int] = {}
    made = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        made.append(f"{key}-{seen[key]}" if key and seen[key] > 1 else key)
    return made


def _text(content: list[dict[str, Any]]) -> str:
    return "\n".join(str(block.get("text", "")) for block in content)


def _secret(text: str) -> str:
    """Return why a text is not sent, "" where nothing speaks against it."""
    try:
        private.check("The prompt", text)
    except InputError as error:
        return error.message
    return ""

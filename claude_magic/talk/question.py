"""What goes along with a question: files, skills, tools, a form, a history?

One place puts it together: for a question that is asked, for one that is gone on with, and for a price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings
from claude_magic.errors import InputError
from claude_magic.prompts import citing, private
from claude_magic.protocol import catalog
from claude_magic.talk import approving, compose, fitting, forms, making, uploads
from claude_magic.talk.counting import Counting
from claude_magic.talk.thread import Kit
from claude_magic.tools.toolbox import MOST_CALLS, TIMEOUT, Toolbox, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.grammar.keywords import Attached, Choices
    from claude_magic.talk.forms import Form
    from claude_magic.talk.making import Skill
    from claude_magic.talk.thread import Thread

CHECKED = {"tools": "A tool's definition", "output_config": "The type of the answer"}
"""Parts of a body that a reader does not see in the cell, and what they are called."""
BLOCKED = "Run the cell where somebody can answer, or decide by a function: approve=function."


class Question(NamedTuple):
    """A question ready to send: its message (None after a pause), the body of its call, what goes along."""

    user: dict[str, Any] | None
    body: dict[str, Any]
    skills: list[Skill]
    kit: Kit | None = None
    toolbox: Toolbox | None = None
    form: Form | None = None
    cache: str = "auto"
    max_steps: int = 10

    @property
    def notes(self) -> list[str]:
        """What a reader should know before the answer comes."""
        model = str(self.body["model"])
        hints = self.toolbox.hints if self.toolbox else []
        return [*compose.notes(self.body), *(self.form.notes(model) if self.form else []), *hints]


def prepare(
    prompt: compose.Prompt,
    thread: Thread,
    client: Callable[[], Client],
    *,
    attach: Attached = (),
    skills: Sequence[str | Mapping[str, Any]] | str = (),
    tools: Sequence[Any] = (),
    approve: Any = None,
    max_steps: int | None = None,
    returns: Any = None,
    choices: Choices = None,
    **given: Any,
) -> Question:
    """Return a question as it will be sent in a thread; raises ClaudeError for what cannot be.

    `client` is called only to look up skills. `given` is as for `compose.request`, and `cache`.
    """
    wanted = making.skills(skills, client, thread.skills)
    params = given.get("params") or {}
    model = settings.model(params.get("model") or given.get("model")).value
    tier = found.image_tier if (found := catalog.find(model)) else None
    about: dict[str, Any] = {"citations": bool(given.get("citations")), "tier": tier}
    user = thread.ask(compose.blocks(prompt, attach, code=bool(wanted), **about))
    kit = Kit(tuple(listed(tools)), approve, max_steps) if tools else None
    form = forms.form(returns, choices, model)
    return _put_together(thread, user, wanted, kit, form, count=_counter(client), **given)


def rest(thread: Thread, **given: Any) -> Question:
    """Return what asks for the rest of an unfinished answer, with its tools; raises InputError."""
    user, kit = thread.go_on(), thread.kit
    steps = given.pop("max_steps", None)
    if kit and steps:
        kit = kit._replace(max_steps=steps)
    given["model"] = given.get("model") or thread.turns[-1].model or None
    return _put_together(thread, user, thread.skills, kit, None, **given)


def _put_together(
    thread: Thread,
    user: dict[str, Any] | None,
    skills: list[Skill],
    kit: Kit | None,
    form: Form | None,
    *,
    cache: str | None = None,
    citations: bool | None = None,
    params: Mapping[str, Any] | None = None,
    **given: Any,
) -> Question:
    if form and citations:
        raise InputError("An answer of a type cites nothing", hint="Leave out --citations, or the type.")
    toolbox = _toolbox(kit, form) if kit else None
    params = _with_tools(params or {}, toolbox)
    room = making.room(skills, thread.container)
    body = compose.request(thread, user, room=room, params=params, **given)
    cited = citing.enable(body, citations)
    if user is not None and body["messages"][-1] == user:
        user = cited["messages"][-1]
    body = form.into(cited, user) if form else cited
    for name, what in CHECKED.items():
        for told in _texts(body.get(name)):
            private.check(what, told)
    steps = settings.option("max_steps", kit.max_steps if kit else None).value
    kept = str(settings.option("cache", cache).value)
    return Question(user, body, list(skills), kit, toolbox, form, kept, steps)


def _counter(client: Callable[[], Client]) -> Callable[[Mapping[str, Any]], int | None]:
    """Return what has the service count a body's tokens; None where it does not."""

    def count(body: Mapping[str, Any]) -> int | None:
        found = Counting(client()).count({**body, "messages": uploads.unsent(body["messages"])})
        return found.tokens if found.exact else None

    return count


def _toolbox(kit: Kit, form: Form | None) -> Toolbox:
    """Return the toolbox of a question; where no function decides on a call, the reader is asked."""
    boxes = [one for one in kit.tools if isinstance(one, Toolbox)]
    tools = [t for one in kit.tools for t in (one.tools if isinstance(one, Toolbox) else [one])]
    decides = kit.approve if callable(kit.approve) else next((b.approve for b in boxes if b.approve), None)
    try:
        return Toolbox(
            tools,
            approve=decides or approving.asker(),
            always=bool(kit.approve) or any(box.always for box in boxes),
            max_calls=min((box.max_calls for box in boxes), default=MOST_CALLS),
            timeout=boxes[0].timeout if boxes else TIMEOUT,
            beside=form.weight if form else None,
        )
    except InputError as error:
        if "must be approved" in error.message:
            error.hint = BLOCKED
        raise


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for one in pair for text in _texts(one))
    elif isinstance(value, list | tuple):
        yield from (text for one in value for text in _texts(one))


def _with_tools(params: Mapping[str, Any], toolbox: Toolbox | None) -> dict[str, Any]:
    """Return parameters with what tools need; lists of the parameters' own are added to, not replaced."""
    fitting.check_fields(params)
    made = dict(params)
    for name, value in (toolbox.parameters if toolbox else {}).items():
        own = made.get(name) or []
        made[name] = [*own, *(one for one in value if one not in own)]
    return made

"""What does each `%claude COMMAND` do?

One function a row of `flags.COMMANDS`, found by its name in `RUN`. What it returns is what the cell shows.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from claude_magic import keys, limits, settings
from claude_magic.cells import asking, conversations, recordings, reports, service
from claude_magic.cells.jobs import Said
from claude_magic.errors import ConfigError, InputError
from claude_magic.grammar import cell, flags, flagvalues, manual
from claude_magic.protocol import catalog
from claude_magic.show import lines, showing
from claude_magic.talk import current, uploads
from claude_magic.talk.thread import threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.grammar.cell import CommandCall

EXAMPLES = {"switch": "on", "usd": "0.50", "seconds": "600", "rate": "100"}  # values of a setting, by kind
LASTING = {"day"}  # a day is longer than a session, so its budget is kept in the settings file


def run(shell: Any, call: CommandCall) -> Any:
    """Do what a command says and return what the cell shows; raises ClaudeError.

    What is said by a line that is not its cell's last would be lost, so it is shown at once.
    """
    with recordings.told():
        found = RUN[call.name](shell, call)
    if isinstance(found, Said) and not lines.is_shown(shell):
        showing.note(str(found))
    return found


def _help(_: Any, call: CommandCall) -> Said:
    return Said(manual.help_text(call.args[0] if call.args else None))


def _version(_: Any, __: CommandCall) -> Said:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from claude_magic import __version__

    found = [f"claude_magic {__version__}", f"Python {platform.python_version()}"]
    for name in ("ipython", "ipykernel", "httpx2", "pandas"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return Said(" · ".join(found))


# ---- models and settings -----------------------------------------------------------------------------------


def _models(_: Any, call: CommandCall) -> Any:
    if call.args[:1] == ["get"]:
        return current.client().models.retrieve(catalog.resolve(call.args[1]))
    return reports.models("" if call.rest == "list" else call.rest)


def _model(_: Any, call: CommandCall) -> Said:
    if call.args:
        settings.use("model", _known_model(call.args[0], "model"))
    found = settings.model()
    return Said(f"{found.value} ({found.source})" + _model_note(found.value))


def _model_note(name: str) -> str:
    if catalog.find(name):
        return ""
    near = catalog.nearest(name)
    return "; it is not in the catalogue" + (f". Did you mean {near}?" if near else "")


def _known_model(name: str, command: str) -> str:
    """Return a model's name; raises InputError for one that is most likely a slip of the keys."""
    if name in settings.aliases() or catalog.find(name) or cell.MODEL_ID.fullmatch(name):
        return name
    near = catalog.nearest(name)
    if near is None and re.search(r"[\d./:@-]", name):  # a gateway's own name
        return name
    hint = f"Type %claude {command} {near}" if near else "Type %claude models to see them all."
    raise InputError(f"There is no model {name!r}", hint=hint)


def _alias(_: Any, call: CommandCall) -> Any:
    if not call.args:
        return reports.aliases()
    name, *target = call.args
    if not target:
        known = settings.aliases().get(name) or catalog.resolve(name)
        if known == name:
            raise InputError(f"{name} stands for no model", hint=f"Type %claude alias {name} opus")
        return Said(f"{name} is {known}")
    if target == ["off"]:
        settings.save_alias(name, None)
        return Said(f"{name} is no alias any more")
    model = catalog.resolve(target[0])
    settings.save_alias(name, model)
    return Said(f"{name} is {model}{_model_note(model)}. Kept for all notebooks")


def _system(shell: Any, call: CommandCall) -> Said:
    if call.rest:
        settings.use("system", "" if call.rest == "off" else call.rest)
    found = settings.option("system")
    if not found.value:
        return Said("There is no system prompt")
    notes = asking.unread(str(found.value), asking.visible(shell))
    return Said("\n".join([f"{found.value} ({found.source})", *notes]))


def _config(_: Any, call: CommandCall) -> Any:
    if not call.args:
        return reports.status()
    name, _space, value = call.rest.partition(" ")
    name = name.replace("-", "_")
    said = _setting(name)
    if not value:
        return said
    if value.strip() == "default":
        settings.forget(name)
    else:
        _save(name, value.strip().strip("\"'"))
    if name != "base_url":
        settings.use(name, None)
    return _setting(name)


def _save(name: str, value: str) -> None:
    if name == "model":
        _known_model(value, "config model")
    try:
        settings.save(name, _number(name, value))
    except ConfigError as error:
        if row := settings.OPTIONS.get(name):
            example = EXAMPLES.get(row.kind) or (row.choices[0] if row.choices else row.default)
            error.hint = (
                f"Type %claude config {name} {example}, or %claude config {name} default to unset it."
            )
        raise


def _number(name: str, text: str) -> Any:
    """Return "8k" as 8000 where a setting is a number of tokens, as flags read it; all else as it is."""
    if name in settings.OPTIONS and settings.OPTIONS[name].kind == "count":
        with contextlib.suppress(ValueError):
            return flagvalues.KINDS["count"][0](text)
    return text


def _setting(name: str) -> Said:
    found = settings.base_url() if name == "base_url" else settings.option(name)
    return Said(f"{found.name} = {reports.shown(found.value)} ({found.source})")


def _login(shell: Any, call: CommandCall) -> Said:
    if call.rest == "forget":
        return _logout(shell, call._replace(rest=""))
    if call.rest == "admin":
        keys.to_file(keys.check(_typed_key("Admin key", "ANTHROPIC_ADMIN_KEY"), "the keyboard"), "admin-key")
        return Said(f"Kept in {keys.key_path('admin-key')}, which only you can read.{_in_force()}")
    where: keys.Where = "keyring" if call.rest == "keyring" else "file"
    settings.save_key(_typed_key("API key", "ANTHROPIC_API_KEY"), where)
    place = "the system's keyring" if where == "keyring" else f"{keys.key_path()}, which only you can read"
    found = settings.credential()
    first = found is None or found.source in ("keyring", "key file")
    others = "" if first or found is None else f" {found.source} goes before it."
    practice = " Practice is on; %claude practice off asks Claude." if settings.practice().value else ""
    return Said(f"Kept in {place}.{others}{practice}")


def _in_force() -> str:
    first = reports.admin_key()[1] == "ANTHROPIC_ADMIN_KEY"
    return " ANTHROPIC_ADMIN_KEY goes before it." if first else ""


def _logout(_: Any, call: CommandCall) -> Said:
    keys.key_path("admin-key").unlink(missing_ok=True)
    if call.rest == "admin":
        return Said("The admin key that %claude login kept is forgotten; one in the environment stays there")
    settings.forget_key()
    return Said("The keys that %claude login kept are forgotten; those in the environment stay there")


def _typed_key(what: str, env: str) -> keys.Secret:
    import getpass
    import warnings

    from IPython.core.error import StdinNotImplementedError
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    hidden = kernel.getpass if kernel else getpass.getpass  # a button's press is in no cell, and asks too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # never read it where it would be seen
            return keys.Secret(hidden(f"{what} (not shown): ").strip())
    except (StdinNotImplementedError, getpass.GetPassWarning, EOFError, OSError):
        raise ConfigError(
            "A key cannot be typed here: nobody is asked in a notebook that runs by itself",
            hint=f"Set the environment variable {env} before the kernel starts.",
        ) from None


def _practice(_: Any, call: CommandCall) -> Said:
    if call.rest in ("on", "off"):
        settings.use("practice", call.rest == "on")
    found = settings.practice()
    if found.value:
        what = "answers are made by rule on this machine; nothing is charged"
        return Said(f"Practice is on ({found.source}): {what}")
    key = settings.credential()
    to_whom = f"Claude answers (key: {key.source})" if key else f"there is no key. {settings.NO_KEY_HINT}"
    return Said(f"Practice is off ({found.source}): {to_whom}")


# ---- money -------------------------------------------------------------------------------------------------


def _budget(_: Any, call: CommandCall) -> Any:
    words = [w for w in call.args if w not in reports.BUDGETS]
    scopes = [w for w in call.args if w in reports.BUDGETS]
    if words == ["off"]:
        for scope in scopes or reports.BUDGETS:
            _allow(scope, None)
    elif words:
        _allow(scopes[0] if scopes else "session", words[0].replace("_", ""))
    return reports.budgets()


def _allow(scope: str, amount: str | None) -> None:
    name, _covers = reports.BUDGETS[scope]
    if scope in LASTING:
        if amount is not None:
            settings.save(name, amount)
        elif name in settings.saved():
            settings.forget(name)
    settings.use(name, None if scope in LASTING else amount)


def _estimate(shell: Any, call: CommandCall) -> Any:
    return reports.estimate(call.rest.strip("\"'") or None, asking.visible(shell))


def _count(shell: Any, call: CommandCall) -> Said:
    model = settings.model().value
    blocks = asking.render(shell, call.rest).blocks
    messages = uploads.unsent([{"role": "user", "content": blocks}])
    client = current.client()
    answer = client.messages.count_tokens(model=model, messages=messages)
    found, source = answer["input_tokens"], current.source_of(client, answer)
    cost = catalog.cost({"input_tokens": found, "output_tokens": 0}, model)
    price = "price unknown" if cost is None else f"{limits.usd(cost)} as input"
    mode = "" if source == "live" else f" ({source})"
    return Said(f"{found:,} tokens for {model}; {price}{mode}")


def _fixing(shell: Any, call: CommandCall) -> Any:
    from claude_magic.repair import explaining, fixing

    return (fixing.fix if call.name == "fix" else explaining.explain)(shell, call)


def _over_rows(_: Any, call: CommandCall) -> Any:
    from claude_magic.cells import overrows

    return (overrows.runs if call.name == "runs" else overrows.batches)(call)


def _ui(shell: Any, call: CommandCall) -> Any:
    from claude_magic import ui

    if not call.args:
        return Said(f"Type %claude ui and one of: {', '.join(flags.UI)}, batch NAME")
    name, *more = call.args
    given: list[Any] = more or ([threads.get()] if name == "chat" else [])
    found = getattr(ui, name)(*given)
    if not lines.is_shown(shell):
        found._ipython_display_()
    return found


RUN: dict[str, Callable[[Any, CommandCall], Any]] = {
    "help": _help,
    "models": _models,
    "model": _model,
    "alias": _alias,
    "system": _system,
    "status": lambda *_: reports.status(),
    "usage": lambda _, call: reports.usage(call.args[-1] if call.args else None),
    "cost": lambda *_: reports.cost(),
    "budget": _budget,
    "estimate": _estimate,
    "history": conversations.history,
    "threads": lambda *_: reports.conversations(),
    "switch": conversations.switch,
    "reset": conversations.reset,
    "undo": conversations.undo,
    "continue": conversations.go_on,
    "export": conversations.export,
    "fix": _fixing,
    "explain": _fixing,
    "count": _count,
    "files": service.run,
    "skills": service.run,
    "runs": _over_rows,
    "batch": _over_rows,
    "batches": service.run,
    "admin": service.run,
    "login": _login,
    "logout": _logout,
    "practice": _practice,
    "replay": service.run,
    "ui": _ui,
    "config": _config,
    "version": _version,
}

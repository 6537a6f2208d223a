"""Which key, address, model and mode are in force, and who said so?

Every answer is a `Setting`: name, value and source in plain words. The order is always: argument, this
session, environment, settings file, default. Keys are kept by `keys.py`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from claude_magic import keys
from claude_magic.errors import ConfigError, nearest
from claude_magic.grammar.flags import CACHES, DEFAULT_MODEL, EFFORTS, FORMATS, REPLAYS
from claude_magic.keys import (
    DEFAULT_BASE_URL,
    PRACTICE_URL,
    Secret,
    check_base_url,
    config_dir,
    write_private,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NO_KEY_HINT = "Type %claude login to enter a key, or %claude practice on to go on without one."

_log = logging.getLogger("claude_magic")


class Setting(NamedTuple):
    """A value in force and who set it, in plain words, such as "settings file"."""

    name: str
    value: Any
    source: str


class Option(NamedTuple):
    """One row of the options table; flag, trait and environment variable follow from the name."""

    name: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return f"CLAUDE_MAGIC_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag of a cell that sets it."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def trait(self) -> str:
        """The trait of `ClaudeMagics` that sets it."""
        return self.name


OPTIONS: dict[str, Option] = {
    row[0]: Option(*row)
    for row in (
        ("model", "text", DEFAULT_MODEL, "model id, alias or short word"),
        ("max_tokens", "count", 4096, "most tokens an answer may take"),
        ("effort", "text", None, "how much work the model puts in", EFFORTS),
        ("think", "switch", None, "thinking on or off, where the model lets you choose"),
        ("system", "text", None, "system prompt"),
        ("format", "text", "markdown", "how an answer is shown", FORMATS),
        ("thread", "text", "main", "conversation a question belongs to"),
        ("history_tokens", "count", None, "most tokens of earlier turns that are sent along"),
        ("compact", "switch", False, "let the service sum up long conversations"),
        ("max_steps", "count", 10, "most rounds of calls of tools in a turn"),
        ("cache", "text", "auto", "how long the service keeps the beginning of what is sent", CACHES),
        ("stream", "switch", True, "show an answer as it comes"),
        ("timeout", "seconds", 600.0, "longest silence of the service, in seconds"),
        ("max_retries", "count", 2, "how often a failed call is sent again"),
        ("day_budget", "usd", None, "most a day may cost, in USD"),
        ("session_budget", "usd", None, "most a session may cost, in USD"),
        ("max_cost", "usd", None, "most one call may cost, in USD"),
        ("replay", "text", "off", "play recorded answers in the place of new ones", REPLAYS),
        ("cassette", "text", None, "file of recorded answers; by default beside the notebook"),
        ("practice", "switch", False, "answer from the practice server"),
        ("practice_speed", "rate", None, "tokens a second of the practice server; at once when not set"),
        ("anthropic_version", "text", "2026-10-21", "version of the API", ("2026-10-21", "2023-06-01")),
    )
}

session: dict[str, Any] = {}  # what `%claude model opus` and the like set, until the kernel ends


def settings_path() -> Path:
    """Return the path of the settings file."""
    return config_dir() / "settings.json"


def saved() -> dict[str, Any]:
    """Return what the settings file says; raises ConfigError when it is not a JSON object."""
    path = settings_path()
    try:
        facts = path.stat()
    except OSError:
        return {}
    return dict(_load(path, (facts.st_mtime_ns, facts.st_size, facts.st_ino)))


@functools.lru_cache(maxsize=4)
def _load(path: Path, _version: tuple[int, ...]) -> Mapping[str, Any]:
    return _json(path, dict)  # type: ignore[no-any-return]


def _json(path: Path, kind: type) -> Any:
    hint = f"Correct {path}, or rename it to start afresh."
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{path} is not valid JSON{where}", hint=hint) from None
    if not isinstance(value, kind):
        raise ConfigError(f"{path} must hold a JSON {'object' if kind is dict else 'list'}", hint=hint)
    return value


def option(name: str, arg: Any = None) -> Setting:
    """Return an option in force; raises ConfigError for an unknown name or an unusable value."""
    row = _row(name)
    for value, source in (
        (arg, "argument"),
        (session.get(name), "this session"),
        (os.environ.get(row.env) or None, row.env),
        (saved().get(name), "settings file"),
    ):
        if value is not None:
            return Setting(name, _checked(row, value, source), source)
    return Setting(name, row.default, "default")


def model(arg: str | None = None) -> Setting:
    """Return the model in force with aliases and short words resolved; an unknown name stays as it is."""
    from claude_magic.protocol import catalog

    found = option("model", arg)
    return found._replace(value=catalog.resolve(aliases().get(found.value, found.value)))


def practice() -> Setting:
    """Return whether the practice server answers: this session, CLAUDE_MAGIC_PRACTICE, settings file."""
    return option("practice")


def use(name: str, value: Any) -> None:
    """Set an option for this session only; None takes that back."""
    if value is None:
        session.pop(name, None)
    else:
        session[name] = _checked(_row(name), value, "argument")


def save(name: str, value: Any) -> None:
    """Write an option, or "base_url", to the settings file; what else is in the file stays."""
    value = check_base_url(value) if name == "base_url" else _checked(_row(name), value, "argument")
    _store({**saved(), name: str(value) if isinstance(value, Decimal) else value})


def forget(name: str) -> None:
    """Take a name out of the settings file."""
    _store({k: v for k, v in saved().items() if k != name})


def aliases() -> dict[str, str]:
    """Return the reader's own names for models."""
    found = saved().get("aliases")
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def save_alias(name: str, model: str | None) -> None:
    """Save a name for a model; None takes it back."""
    kept = {k: v for k, v in aliases().items() if k != name}
    _store({**saved(), "aliases": kept if model is None else {**kept, name: model}})


def no_key_hint(url: str) -> str:
    """Return what to type where there is no key for an address."""
    local = keys.is_loopback(urlsplit(url).hostname or "")
    return NO_KEY_HINT + (
        f' For a practice server on a port: api_key="{keys.PRACTICE_KEY}".' if local else ""
    )


def cost(usage: Mapping[str, Any], model: str, **how: Any) -> Decimal | None:
    """Return USD for a usage, as `catalog.cost` with the prices of the reader's own prices.json."""
    from claude_magic.protocol import catalog

    load_prices()
    return catalog.cost(usage, model, **how)


def load_prices() -> None:
    """Put the reader's own prices.json over the catalogue, once a version; raises ClaudeError."""
    path = config_dir() / "prices.json"
    try:
        version = path.stat().st_mtime_ns
    except OSError:
        return
    _override(path, version)


@functools.lru_cache(maxsize=4)
def _override(path: Path, _version: int) -> None:
    from claude_magic.protocol import catalog

    catalog.override(_json(path, list))


def _store(values: Mapping[str, Any]) -> None:
    write_private(settings_path(), json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _row(name: str) -> Option:
    if row := OPTIONS.get(name):
        return row
    near = nearest(name, OPTIONS)
    raise ConfigError(
        f"There is no setting {name!r}",
        hint=f"Did you mean {near}?" if near else f"Settings are: {', '.join(OPTIONS)}.",
    )


_SWITCH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool | float) or (number := int(value)) < 0:
        raise ValueError
    return number


def _switch(value: Any) -> bool:
    return value if isinstance(value, bool) else _SWITCH[str(value).lower()]


def _usd(value: Any) -> Decimal:
    number = Decimal(str(value).removeprefix("$"))
    if isinstance(value, bool) or not number.is_finite() or number < 0:
        raise ValueError
    return number


def _positive(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 < number < 1e9:
        raise ValueError
    return number


KINDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "text": (_text, "text"),
    "count": (_count, "a whole number"),
    "switch": (_switch, "on or off"),
    "usd": (_usd, "an amount in USD"),
    "seconds": (_positive, "a number above 0"),
    "rate": (_positive, "a number above 0"),
}


def _checked(row: Option, value: Any, source: str) -> Any:
    read, wanted = KINDS[row.kind]
    with contextlib.suppress(TypeError, ValueError, KeyError, ArithmeticError):
        found = read(value)
        if not row.choices or found in row.choices:
            return found
    where = {"argument": row.name, "settings file": f"{row.name} in {settings_path()}"}.get(source, source)
    wanted = f"one of {', '.join(row.choices)}" if row.choices else wanted
    raise ConfigError(f"{where} must be {wanted}", hint=f"Give {row.flag} {wanted}, or correct {where}.")


def base_url(arg: str | None = None) -> Setting:
    """Return the address: argument, practice when on, ANTHROPIC_BASE_URL, settings file, default."""
    if arg is not None:
        return Setting("base_url", check_base_url(arg), "argument")
    mode = practice()
    if mode.value:
        return Setting("base_url", PRACTICE_URL, f"practice is on ({mode.source})")
    for url, source in (
        (os.environ.get("ANTHROPIC_BASE_URL"), "ANTHROPIC_BASE_URL"),
        (saved().get("base_url"), "settings file"),
    ):
        if url:
            return Setting("base_url", check_base_url(url), source)
    return Setting("base_url", DEFAULT_BASE_URL, "default")


def credential(api_key: str | Secret | None = None, auth_token: str | Secret | None = None) -> Setting | None:
    """Return the key in force, as a Secret named "api_key" or "auth_token", or None when there is none."""
    if api_key is not None and auth_token is not None:
        raise ConfigError("Both api_key and auth_token were given", hint="Give one of them.")
    for name, given in (("api_key", api_key), ("auth_token", auth_token)):
        if given is not None:
            key = given if isinstance(given, Secret) else Secret(given)
            return Setting(name, keys.check(key, "the argument"), "argument")
    return _environment_key() or _stored_key()


def _environment_key() -> Setting | None:
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    found = [name for name in names if os.environ.get(name)]
    if len(found) > 1:
        _both()
    for env in found:
        key = keys.check(Secret(os.environ[env]), env)
        return Setting("api_key" if env == names[0] else "auth_token", key, env)
    return None


@functools.cache
def _both() -> None:
    _log.warning("ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are both set; ANTHROPIC_API_KEY is used")


def _stored_key() -> Setting | None:
    if saved().get("key_in") == "keyring" and (key := keys.from_keyring()):
        return Setting("api_key", keys.check(key, "the keyring"), "keyring")
    if key := keys.from_file():
        return Setting("api_key", keys.check(key, str(keys.key_path())), "key file")
    return None


def save_key(key: str | Secret, where: keys.Where = "file") -> None:
    """Keep a key in the key file (0600) or the system's keyring; raises ConfigError when it cannot be one."""
    key = Secret((key.reveal() if isinstance(key, Secret) else key).strip())
    keys.check(key, "the keyboard")
    if where == "keyring":
        keys.to_keyring(key)
        keys.key_path().unlink(missing_ok=True)
        _store({**saved(), "key_in": "keyring"})
    else:
        keys.to_file(key)
        if "key_in" in saved():
            forget("key_in")


def forget_key() -> None:
    """Remove the key from the key file and the keyring."""
    keys.key_path().unlink(missing_ok=True)
    if saved().get("key_in") == "keyring":
        keys.to_keyring(None)
        forget("key_in")


def describe() -> list[Setting]:
    """Return everything in force, keys masked; what is unusable says so in place of its value."""
    found = [_told("key", credential), _told("base_url", base_url)]
    return found + [_told(name, functools.partial(option, name)) for name in OPTIONS]


def _told(name: str, ask: Callable[[], Setting | None]) -> Setting:
    try:
        found = ask()
    except ConfigError as error:
        return Setting(name, None, error.message)
    if found is None:
        return Setting(name, None, NO_KEY_HINT)
    shown = str(found.value) if isinstance(found.value, Secret) else found.value
    return Setting(name, shown, found.source)

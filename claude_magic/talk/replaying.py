"""Which recorded answers belong to this notebook, and how does a client come to play them?

A cassette lies beside its notebook: lesson.replay.jsonl beside lesson.ipynb. A kernel is not always told the
name of its notebook; then it is a file in the working directory, or the one that `%claude replay auto PATH`
or CLAUDE_MAGIC_CASSETTE names.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from claude_magic import cassette, settings
from claude_magic.cassette.lines import EDITED, REPLAY
from claude_magic.cassette.tape import Cassette
from claude_magic.errors import ClaudeError, InputError
from claude_magic.grammar.words import short
from claude_magic.keys import Secret
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_magic.api.client import AsyncClient, Client
    from claude_magic.talk.answer import Answer

    C = TypeVar("C", Client, AsyncClient)

ENDING = ".replay.jsonl"
NAMELESS = f"claude{ENDING}"  # in the working directory, where the notebook's name is not known
NAMED = f"lesson{ENDING}"  # for example
NO_KEY = Secret("replay")  # where one is needed to make a request that is never sent
KEYLESS = "Type %claude login to enter a key, so that it is asked and recorded; or ask as it was recorded."
SEAL = "CLAUDE_MAGIC_REPLAY_SECRET"
"""The environment variable of a teacher's secret, see `Cassette`."""
_NBVAL = re.compile(r"(\S.*\.ipynb)::")

_tapes: dict[Path, Cassette] = {}
_places: dict[Any, Setting] = {}


def replay(client: C, mode: str = "auto", path: str | os.PathLike[str] | None = None) -> C:
    """Return a client that plays what a cassette holds; by default the notebook's.

    Modes: "auto" plays what is recorded, else asks and records it; "only" asks nothing and needs no key;
    "refresh" asks and records anew; "off" asks. What is not recorded and cannot be asked is a ReplayError.
    """
    return through(client, opened(place(path).value), mode)


def through(client: C, tape: Cassette, mode: str) -> C:
    """Return a client that asks through a cassette, as `replay` says."""
    if not hasattr(client, "_caller"):
        raise InputError(f"{short(repr(client))} is no client", hint='Type replay(Client(), "only").')
    caller = client._caller  # noqa: SLF001 - what a client is, in this package
    before = cassette.of(caller.http)
    if before and (before.cassette, before.mode) == (tape, mode):
        return client
    to = before.inner if before else caller.http or caller.route.base_url
    keyless, hint = caller.route.credential in (None, NO_KEY) and not _is_signed(caller), _missed(tape.path)
    if mode == "auto" and keyless:
        mode, hint = "only", KEYLESS
    keys: dict[str, Any] = {"api_key": NO_KEY} if mode == "only" and keyless else {}
    if mode == "only" and not caller.route.admin:
        keys["admin_key"] = NO_KEY
    http = client._http_kind(transport=cassette.transport(to, tape, mode, hint=hint))  # noqa: SLF001
    return client.with_options(http_client=http, **keys)


def _missed(path: Path) -> str:
    """Return what to do where nothing is recorded; the notebook's own file may be another."""
    if path.name != NAMELESS or path.exists():
        return cassette.MISSED
    there = [one.name for one in sorted(path.parent.glob(f"*{ENDING}"))]
    known = f"; there are {', '.join(there[:5])}" if len(there) > 1 else ""
    return f"The notebook's name is not known{known}. Type %claude replay only {[*there, NAMED][0]}"


def _is_signed(caller: Any) -> bool:
    return bool({"authorization", "x-api-key"} & {name.lower() for name in caller.options.default_headers})


def certain(client: Client, body: Mapping[str, Any]) -> Client | None:
    """Return a client that asks nothing, where a message's answer is recorded and is to be played."""
    caller = client._caller  # noqa: SLF001
    taped = cassette.of(caller.http)
    if taped is None or taped.mode in ("off", "refresh"):
        return None
    if taped.mode == "only":
        return client
    return through(client, taped.cassette, "only") if _holds(caller, taped, body) else None


def is_recorded(client: Client, body: Mapping[str, Any]) -> bool | None:
    """Say whether a message's answer will be played, False where it then fails; None where it is asked."""
    caller = client._caller  # noqa: SLF001
    taped = cassette.of(caller.http)
    if taped is None or taped.mode in ("off", "refresh"):
        return None
    return _holds(caller, taped, body) or (False if taped.mode == "only" else None)


def _holds(caller: Any, taped: cassette.Transport, body: Mapping[str, Any]) -> bool:
    try:
        request = caller.call(ENDPOINTS["messages.create"], body).request
    except ClaudeError:  # a file that waits to be uploaded, or what cannot be sent
        return False
    if caller.route.credential is not None:
        request.headers.setdefault("authorization", Secret(f"Bearer {caller.route.credential.reveal()}"))
    return taped.holds(request)


def is_replayed(client: Client) -> bool:
    """Say whether a client's answers may be recorded ones."""
    taped = cassette.of(client._caller.http)  # noqa: SLF001
    return taped is not None and taped.mode != "off"


def label(answer: Answer) -> str:
    """Return what is shown as an answer's source: a replay says if it was practice, or edited since (O6)."""
    found = [step.response.headers.get(REPLAY) if step.response else None for step in answer.steps]
    if answer.source != "replay":
        some = len(found) > 1 and any(played is not None for played in found)
        return "partly replay" if some and answer.source == "live" else answer.source
    edited = any(str(played).endswith(EDITED) for played in found)
    practice = " of practice" if "_practice_" in str(answer.message.get("id")) else ""
    return f"{'edited ' if edited else ''}replay{practice}"


def day(recorded: str | None) -> date | None:
    """Return the day of a recording, whose prices count; None where that is not known."""
    try:
        return date.fromisoformat((recorded or "")[:10])
    except ValueError:
        return None


def plays() -> dict[Path, int]:
    """Return how many answers this session was played, by the path of their cassette."""
    return {path: tape.plays for path, tape in _tapes.items()}


# ---- the file ----------------------------------------------------------------------------------------------


def opened(path: Path, *, anew: bool = False) -> Cassette:
    """Return this session's cassette of a file; `anew`: what has several answers is played from the first."""
    if anew or path not in _tapes:
        _tapes[path] = Cassette(path, secret=os.environ.get(SEAL))
    return _tapes[path]


def place(path: str | os.PathLike[str] | None = None) -> Setting:
    """Return the path of the cassette in force and who says so; it stays when the working directory changes.

    A notebook's path stands for that of the cassette beside it.
    """
    if not isinstance(path, str | os.PathLike | None):
        hint = 'Give a path, such as "lesson.replay.jsonl".'
        raise InputError(f"{short(repr(path))} is no path of a recording", hint=hint)
    given = settings.option("cassette", None if path is None else os.fspath(path))
    key = given.value or (os.environ.get("JPY_SESSION_NAME"), _nbval())
    if key not in _places:
        _places[key] = _named(given) if given.value else _beside() or _in_folder()
    return _places[key]._replace(**{"source": given.source} if given.value else {})


def _named(given: Setting) -> Setting:
    path = Path(given.value).expanduser()
    if not path.suffix and not path.exists():  # "lesson" is lesson.replay.jsonl
        path = path.with_name(f"{path.name}{ENDING}")
    return given._replace(value=_of(path) if path.suffix == ".ipynb" else path.absolute())


def _of(notebook: Path) -> Path:
    return notebook.absolute().with_suffix(ENDING)


def _beside() -> Setting | None:
    """Return the cassette beside the notebook, where the kernel was told its name."""
    folder = Path.cwd()
    code = _names().get("__vsc_ipynb_file__")
    if isinstance(code, str) and code:
        return Setting("cassette", _of(Path(code)), "beside the notebook, as VS Code names it")
    if (name := _nbval()) and (folder / name).exists():
        return Setting("cassette", _of(folder / name), "beside the notebook, as nbval names it")
    session = os.environ.get("JPY_SESSION_NAME", "")
    if session.endswith(".ipynb"):
        path = Path(session) if Path(session).is_absolute() else folder / Path(session).name
        renamed = "" if path.exists() else ", by the name it had when its kernel started"
        return Setting("cassette", _of(path), f"beside the notebook{renamed}")
    return None


def _nbval() -> str:
    """Return the name of the notebook that nbval runs in its own folder, as pytest tells its children."""
    test = _NBVAL.match(os.environ.get("PYTEST_CURRENT_TEST", ""))
    return Path(test[1]).name if test else ""


def _in_folder() -> Setting:
    """Return the only cassette of the working directory, else the one for notebooks without a name."""
    folder = Path.cwd()
    there = sorted(folder.glob(f"*{ENDING}"))
    if len(there) == 1:
        return Setting("cassette", there[0], "the one in the working directory")
    return Setting(
        "cassette", folder / NAMELESS, "in the working directory; the notebook's name is not known"
    )


def _names() -> Mapping[str, Any]:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return shell.user_ns if shell else {}


def shown(path: Path) -> str:
    """Return a path as a reader writes it: relative where it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)

"""Where is the key kept, where may it go, and who can see it?

A key is only ever held in a `Secret`: never in a plain local variable or attribute, which a verbose traceback
could print. Files with secrets are made 0600 and written by rename.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import urlsplit

from claude_magic.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_BASE_URL = "https://api.anthropic.com"
PRACTICE_URL = "practice:"  # the practice server in this process
PRACTICE_KEY = "practice-key"  # what a practice server on a port takes; no secret
SHORTEST_KEY = 12  # characters

Where = Literal["file", "keyring"]
Kept = Literal["key", "admin-key"]  # what is kept in a file of its own
_SERVICE, _USER = "claude-magic", "api key"
_log = logging.getLogger("claude_magic")


class Secret:
    """A key that shows at most its last four characters; `.reveal()` gives the text."""

    __slots__ = ("_hold",)
    _hold: Callable[[], str]

    def __init__(self, text: str) -> None:
        # a closure: verbose tracebacks evaluate names and attributes, but call nothing
        object.__setattr__(self, "_hold", lambda: text)

    def reveal(self) -> str:
        """Return the key itself; call it where the header is made and keep it nowhere."""
        return self._hold()

    def __repr__(self) -> str:
        shown = "".join(c for c in self._hold()[-4:] if c.isascii() and c.isalnum())
        return f"<key …{shown}>" if len(self._hold()) >= SHORTEST_KEY else "<key>"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a key does not change")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key cannot be pickled")


def hide(name: str, value: str | Secret) -> str | Secret:
    """Return a header's value, as a Secret where its name says that it proves who asks."""
    return Secret(value) if isinstance(value, str) and _SECRET_HEADER.search(name) else value


def reveal(value: str | Secret) -> str:
    """Return the text of a header's value; call it where the header is made and keep it nowhere."""
    return value.reveal() if isinstance(value, Secret) else value


def is_private(key: Secret) -> bool:
    """Say whether to clean a server's answers of a key: not of a practice key, nor of a mere word."""
    return len(key.reveal()) >= SHORTEST_KEY and not key.reveal().startswith("practice")


_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


def check(key: Secret, source: str) -> Secret:
    """Return the key; raises ConfigError, which does not repeat it, when it cannot be one."""
    fault = next((words for words, bad in _FAULTS if bad(key.reveal())), "")
    if fault:
        shown = f": {key}" if key.reveal() else ""
        raise ConfigError(
            f"The key from {source} {fault}{shown}", hint="Copy the key again, alone: %claude login."
        )
    return key


_FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is empty", lambda k: not k),
    ("has a space or line break in it", lambda k: any(c.isspace() for c in k)),
    ("has a quotation mark in it", lambda k: any(c in k for c in "\"'`“”‘’")),
    ("has a character that no key has", lambda k: not (k.isascii() and k.isprintable())),
)


def config_dir() -> Path:
    """Return the folder of settings.json, prices.json and key: CLAUDE_MAGIC_CONFIG_DIR or the system's."""
    return _place("CLAUDE_MAGIC_CONFIG_DIR", "user_config_path")


def data_dir() -> Path:
    """Return the folder of the ledger: CLAUDE_MAGIC_DATA_DIR or the system's."""
    return _place("CLAUDE_MAGIC_DATA_DIR", "user_data_path")


def _place(env: str, system: str) -> Path:
    if given := os.environ.get(env):
        return Path(given).expanduser()
    import platformdirs

    return Path(getattr(platformdirs, system)("claude-magic", appauthor=False))


def write_private(path: Path, text: str | Secret) -> None:
    """Write a file 0600 and by rename, so that a reader never sees half of it; raises ConfigError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text.reveal() if isinstance(text, Secret) else text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            hint="Set CLAUDE_MAGIC_CONFIG_DIR to a folder you can write to.",
        ) from None


def key_path(name: Kept = "key") -> Path:
    """Return the path of the key file, or of the admin key's."""
    return config_dir() / name


def from_file(name: Kept = "key") -> Secret | None:
    """Return the key of a key file, or None; warns once where others can read the file."""
    path = key_path(name)
    try:
        mode = path.stat().st_mode
        key = Secret(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{path} cannot be read", hint="Type %claude login to enter the key again."
        ) from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        _exposed(path)
    return key


@functools.cache
def _exposed(path: Path) -> None:
    _log.warning("Others can read the key in %s; type: !chmod 600 '%s'", path, path)


def to_file(key: Secret, name: Kept = "key") -> None:
    """Write a key file."""
    write_private(key_path(name), key)


def admin_key(given: str | Secret | None = None) -> Secret | None:
    """Return the key for the organization's calls: argument, ANTHROPIC_ADMIN_KEY, what was kept, or None."""
    if given is not None:
        return check(given if isinstance(given, Secret) else Secret(given), "admin_key")
    if text := os.environ.get("ANTHROPIC_ADMIN_KEY"):
        return check(Secret(text), "ANTHROPIC_ADMIN_KEY")
    kept = from_file("admin-key")
    return check(kept, str(key_path("admin-key"))) if kept else None


def from_keyring() -> Secret | None:
    """Return the key of the system's keyring, or None; raises ConfigError when there is no keyring."""
    key: Secret = _keyring(lambda ring: Secret(ring.get_password(_SERVICE, _USER) or ""))
    return key if key.reveal() else None


def to_keyring(key: Secret | None) -> None:
    """Put the key into the system's keyring, or take it out; raises ConfigError when there is no keyring."""
    if key is not None:
        _keyring(lambda ring: ring.set_password(_SERVICE, _USER, key.reveal()))
    elif from_keyring() is not None:
        _keyring(lambda ring: ring.delete_password(_SERVICE, _USER))


def _keyring(use: Callable[[Any], Any]) -> Any:
    try:
        import keyring
    except ImportError:
        raise ConfigError(
            "The keyring needs a package", hint="Type %pip install 'claude-magic[keyring]'"
        ) from None
    try:
        return use(keyring)
    except Exception as error:  # backends raise what they like
        raise ConfigError(
            f"The keyring does not work here ({type(error).__name__})",
            hint="Keep the key in a file that only you can read: %claude login.",
        ) from None


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")


ADDRESS_HINT = (
    f"Give an address such as {DEFAULT_BASE_URL}, http://127.0.0.1:8484 for a server on this machine, "
    f"or {PRACTICE_URL} for the practice server."
)


def check_base_url(url: str) -> str:
    """Return an address ready to use, path prefix kept; raises ConfigError, which repeats no secret."""
    if url == PRACTICE_URL:
        return url
    if fault := _fault(url):
        raise ConfigError(f"The base URL {fault}", hint=ADDRESS_HINT)
    parts = urlsplit(url)
    if re.search(r"/v1/*$", parts.path):
        raise ConfigError("The base URL ends in /v1, which every call adds itself", hint="Leave /v1 out.")
    if parts.scheme == "http" and not (is_loopback(parts.hostname or "") or _allow_http()):
        raise ConfigError(
            f"A key would go unencrypted to {parts.hostname} over http",
            hint="Use https, or set CLAUDE_MAGIC_ALLOW_HTTP=1 if that network is yours.",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _fault(url: Any) -> str:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or re.search(r"[\s\\]", url):
        return "has characters that no address has"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in {"http", "https"} or not host:
        return "must start with https:// (or http:// on this machine) and name a host"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if not _HOST.fullmatch(re.sub(r":\d*$", "", parts.netloc)):
        return "does not name a host"
    return "must not hold a query or fragment" if "?" in url or "#" in url else ""


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _allow_http() -> bool:
    return os.environ.get("CLAUDE_MAGIC_ALLOW_HTTP", "") == "1"


HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def header_name(name: str) -> str:
    """Return a header's name as it is sent; raises InputError for what cannot be one."""
    if not HEADER.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a header", hint="Use letters, digits and hyphens.")
    return name.lower()


def header_value(name: str, value: Any) -> str | Secret:
    """Return a header's value, a secret one hidden; raises InputError for what HTTP does not allow."""
    made = hide(name, value if isinstance(value, Secret) else str(value))
    if not reveal(made).isascii() or not reveal(made).isprintable():
        text = f"The header {name} has a character that HTTP does not allow"
        raise InputError(text, hint="Use ASCII text.")
    return made


def custom_headers() -> dict[str, str | Secret]:
    """Return the headers of ANTHROPIC_CUSTOM_HEADERS, one `Name: value` a line."""
    found: dict[str, str | Secret] = {}
    for number, line in enumerate(os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines(), 1):
        if line.strip():
            name, colon, value = (part.strip() for part in line.partition(":"))
            try:
                header_name(name if colon else "")
                found[name] = header_value(name, value)
            except InputError:
                raise ConfigError(
                    f"Line {number} of ANTHROPIC_CUSTOM_HEADERS is not a header",
                    hint="Write one `Name: value` on each line.",
                ) from None
    return found

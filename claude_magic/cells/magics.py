"""What happens when a cell says %%claude?

This file registers the magics and their settings; `asking.py` asks, `commands.py` has the reserved words.
"""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import TraitType

from claude_magic import settings
from claude_magic.cells import complete, guard
from claude_magic.errors import Stopped
from claude_magic.grammar import cell, manual, questions
from claude_magic.repair import failing
from claude_magic.show import alone


class Option(TraitType[Any, Any]):
    """A trait that is a setting: `%config` and `%claude` change the same thing, for this session."""

    default_value = None

    def get(self, obj: Any, cls: Any = None) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value in force, whoever set it."""
        return settings.option(str(self.name)).value

    def set(self, obj: Any, value: Any) -> None:  # noqa: ARG002 - traitlets' signature
        """Set it for this session; None takes that back. Raises ConfigError for an unusable value."""
        settings.use(str(self.name), value)


@magics_class
class ClaudeMagics(Magics):
    """`%claude` and `%%claude`; `%config ClaudeMagics.max_tokens = 500` sets an option for this session."""

    # one name in three places: trait, flag and environment variable all come from the settings' table
    locals().update({n: Option(help=o.help).tag(config=True) for n, o in settings.OPTIONS.items()})

    @no_var_expand
    @line_cell_magic("claude")  # type: ignore[arg-type] # IPython's own types forbid a method
    def claude(self, line: str, body: str | None = None) -> Any:
        """Ask Claude; `%claude help` says how."""
        try:
            return self._run(line, body)
        except Stopped:
            raise
        except KeyboardInterrupt:
            raise Stopped from None

    def update_config(self, config: Any) -> None:
        """Set what `%config` names, and nothing it named before; raises ConfigError."""
        for name, value in config.get(type(self).__name__, {}).items():
            settings.use(name, value)

    def _run(self, line: str, body: str | None) -> Any:
        aliases = settings.aliases()
        asked = cell.parse_line(line, aliases) if body is None else cell.parse_cell(line, body, aliases)
        if isinstance(asked, cell.CommandCall):
            from claude_magic.cells import commands

            return commands.run(self.shell, asked)
        if isinstance(asked, cell.OverRows):
            from claude_magic.cells import overrows

            return overrows.run(self.shell, asked)
        from claude_magic.cells import asking

        found = asking.ask(self.shell, asked)
        shown = body is not None and isinstance(found, str)  # an answer is on screen; a dry run is not
        return None if shown else found


# what `%%claude?` shows, made when it is asked for: IPython calls the getdoc of what it explains
ClaudeMagics.claude.getdoc = manual.help_text  # type: ignore[assignment]


def load(ip: Any) -> None:
    """Register the magics, completion and the guard against typed keys; loading twice changes nothing."""
    if _registered(ip):
        return
    guard.install(ip)
    failing.install(ip)
    alone.install(ip)
    if questions.rewrite not in ip.input_transformers_cleanup:
        ip.input_transformers_cleanup.insert(1, questions.rewrite)
    ip.register_magics(ClaudeMagics)
    complete.install(ip)


def unload(ip: Any) -> None:
    """Take away what `load` registered; settings of this session stay."""
    guard.uninstall(ip)
    failing.uninstall(ip)
    alone.uninstall(ip)
    complete.uninstall(ip)
    transformers = ip.input_transformers_cleanup
    transformers[:] = [t for t in transformers if t is not questions.rewrite]
    manager = ip.magics_manager
    for kind in manager.magics.values():
        kind.pop("claude", None)
    manager.registry.pop(ClaudeMagics.__name__, None)
    manager.lazy_magics.pop("claude", None)
    ip.configurables[:] = [c for c in ip.configurables if not isinstance(c, ClaudeMagics)]


def _registered(ip: Any) -> bool:
    return isinstance(ip.magics_manager.registry.get(ClaudeMagics.__name__), ClaudeMagics)

# What does every kernel learn about claude_magic when it starts? The names of the magics, which load on first
# use, and to stop a cell that holds a key.
# A comment, not a docstring: this runs in the user's namespace and must leave nothing there.


def _claude_magic(ip):
    from importlib.util import find_spec
    from os import environ

    # a profile's start-up folder is shared by environments that may not have the package
    if environ.get("CLAUDE_MAGIC_AUTOLOAD") == "0" or find_spec("claude_magic") is None:
        return
    from claude_magic.cells import guard
    from claude_magic.grammar.questions import rewrite

    guard.install(ip)
    ip.magics_manager.register_lazy("claude", "claude_magic")
    if rewrite not in ip.input_transformers_cleanup:
        ip.input_transformers_cleanup.insert(1, rewrite)  # after the guard


try:
    _claude_magic(get_ipython())  # noqa: F821 - IPython's
except Exception as error:  # a kernel must start, whatever became of this package
    print(f"claude_magic is not ready ({error!r}); %load_ext claude_magic shows why.")
del _claude_magic

"""How does a Python function become a tool, and a tool call a result?

functions.py makes a tool of a function, server.py has those of the API, named.py finds them by name;
toolbox.py runs what Claude asks for, and loop.py goes on until it asks for nothing more.
"""

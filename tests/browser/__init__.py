"""How does an answer look and behave in JupyterLab, in a real browser?"""

"""How do answers and controls look and behave in JupyterLab, Notebook 7 and Voila, in a real browser?"""

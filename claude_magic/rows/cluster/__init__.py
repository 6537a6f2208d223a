"""How do rows go over the machines of a Dask cluster?"""

"""How do a notebook's text and values become content blocks?"""

"""Who watches, and what do the parts of what is shown look like?"""

"""How does a reader see an answer?"""

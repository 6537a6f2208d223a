"""How are many requests sent at once, and none too many?"""

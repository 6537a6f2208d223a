"""Which controls does a notebook get?"""

"""How is a question answered, one at a time or many in a batch?"""

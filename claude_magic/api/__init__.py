"""How is the API called from Python?"""

"""How does a map go in batches, at half the price?"""

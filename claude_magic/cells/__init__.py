"""What happens when a cell says %%claude?"""

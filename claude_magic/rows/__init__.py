"""How do prompts go over the rows of a frame, and answers come back as columns?"""

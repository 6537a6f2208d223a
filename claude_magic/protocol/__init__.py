"""What does the API say, and in which words?"""

"""What will it cost, and what did it?"""

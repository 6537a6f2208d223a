"""What can the line of a magic say?"""

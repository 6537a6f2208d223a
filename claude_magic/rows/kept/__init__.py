"""What is on disk of what was asked and answered?"""

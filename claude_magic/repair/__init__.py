"""What is done about a cell that failed?"""

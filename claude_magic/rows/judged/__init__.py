"""What will a map cost, and how good was it?"""

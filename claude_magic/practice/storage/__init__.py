"""Where are files and skills kept, and what does a skill make?"""

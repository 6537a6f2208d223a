"""What does an agent do: its sessions, its work, what it remembers?"""

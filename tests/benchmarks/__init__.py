"""What does claude_magic cost beside bare httpx2 and the official SDK? Run `python -m tests.benchmarks`."""

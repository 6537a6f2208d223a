"""What is tested, and how? `conftest.py` has the small real machines that the tests share."""

"""Which request does each row make?"""

"""Which columns do answers make?"""

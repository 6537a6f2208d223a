"""How is a question put together, asked, paid for and remembered?"""

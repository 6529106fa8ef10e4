"""The command line: what an operator does on the machine itself.

Owns parsing arguments, asking for passwords, and printing. Each command is one call of a service,
answers in text or JSON, and ends with 0 (done), 1 (refused), 2 (wrong usage) or 3 (the
configuration is wrong, or the database does not answer). A secret is printed once, when it is made.
"""

"""Use cases: each owns its transaction, reads the clock once inside it, and answers with a value.

Knows no HTTP. A refusal that must be remembered is returned, so that its transaction commits; an
exception means that nothing happened.
"""

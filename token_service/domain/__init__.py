"""Pure rules of sessions, policies, accounts, clients, claims and refusals.

Owns every decision. Does no input or output, reads no clock, makes no randomness and imports no
framework: time and everything else arrive as arguments, and the answer is a value.
"""

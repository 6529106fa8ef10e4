"""Requests that this service makes to addresses which somebody else chose.

Owns what may be reached and for how long, once: all that is fetched from clients, or sent to them,
goes through here. Does not know why something is fetched, keeps nothing and never tries twice.
"""

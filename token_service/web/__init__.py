"""HTTP: parse, one service call, render.

Owns blueprints, schemas, guards and the one table that turns refusals into answers. Decides
nothing about sessions, and stores nothing.
"""

"""Worlds for the tests: a real database, a test clock, real tenants, accounts and clients.

Built, not mocked. `databases.py` brings up PostgreSQL once per run, `world.py` builds one world.
"""

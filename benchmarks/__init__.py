"""How fast, how small and how steady the service is: measured side by side in one run.

Brings up a PostgreSQL of its own and the service by its own commands, drives them with the
generator in `load/`, checks every answer, and ends what it started. Never part of the tests: a
figure depends on the machine. `make benchmark`; README.md has the last figures.
"""

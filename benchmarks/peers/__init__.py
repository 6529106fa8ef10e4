"""The services that ours is compared with, from their registries, at pinned versions.

Each module prepares one: installed into a cache, with a database of its own on the same PostgreSQL,
a client and sessions; what runs of it is in `programs/`. None is tuned down: two workers where it
has any, its own defaults, the server that its documentation names. This package measures nothing.
"""

"""Token and session service: an OAuth 2.1 and OpenID Connect server for many tenants.

It signs people in, keeps their sessions, and issues, refreshes, validates and ends the tokens that
hang on them. This package imports nothing here, so that the rules in `domain` load without Flask.
"""

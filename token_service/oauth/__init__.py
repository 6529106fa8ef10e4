"""Authlib adapters: the protocol of the OAuth endpoints.

They translate between RFC 6749 requests and one service call each; they never decide, generate,
store or revoke. If Authlib vanished, only this package would be lost.
"""

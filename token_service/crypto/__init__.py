"""Secrets, keys and signatures: everything here is bytes, text and instants, and no I/O.

It owns randomness (`opaque`), the sealed address of a row inside a credential (`locators`), refresh
tokens (`refresh_tokens`), key material and the set of keys in force (`keyring`), the signing and
verification of every JWT (`jwt`; `drafts` of several at once) and password hashing (`passwords`).

It does not own the meaning of a claim, the lifetime of anything, or where a key or a hash is kept:
the domain decides and storage remembers. Every instant comes in as `now`.
"""

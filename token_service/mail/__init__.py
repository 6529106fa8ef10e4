"""Letters on their way out: composed, and handed to an SMTP server or written into a folder.

Owns the form of a message and how it is delivered, once. Does not know why a letter is written,
keeps no queue and never tries twice.
"""

"""What people read in letters and on pages: one file a language, and the look-up of a text.

Owns the wording. Knows nothing of what a text is for.
"""

"""The pages that people see: HTML without scripts, and one style sheet.

Owns templates and styles. Decides nothing; a page asks what the API asks.
"""

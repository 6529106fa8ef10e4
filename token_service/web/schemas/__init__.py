"""What requests and answers of `/v1` contain: read into values, written field by field.

Owns the field names and their documentation; OpenAPI is generated from here. Decides nothing.
"""

"""SQLAlchemy Core statements over one SQL database, SQLite or PostgreSQL.

Owns the schema (`tables.py`), connections and transactions (`database.py`), and module functions
whose first argument is the open transaction. The guard of each state change stands in its WHERE;
zero rows is an answer. Decides nothing, and knows no HTTP.
"""

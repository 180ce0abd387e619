"""Rows: the one SQLite file of the org. A file of queries per family of rows; readers take a Reader, writers a Tx."""

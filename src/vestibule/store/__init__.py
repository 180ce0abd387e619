"""Rows: where everything is kept, on SQLite and on PostgreSQL, behind one way of asking."""

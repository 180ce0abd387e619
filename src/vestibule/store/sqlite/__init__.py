"""SQLite: one file, statements on the event loop, commits in groups, and long scans in threads."""

"""Actions: everything that changes data. Each runs in its caller's transaction and records its own events."""

"""What an administrator can do. Each act is a function of a transaction: it checks, writes, logs, and orders jobs."""

"""What happens after an act: the durable queue of jobs, the SCIM conversation of each, one exchange and its retries."""

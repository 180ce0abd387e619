"""The HTTP API: `/api/v1` like Okta's own, `/pocket/v1` for what is missing in Okta's API."""

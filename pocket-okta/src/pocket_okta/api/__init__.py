"""The HTTP API: `/api/v1` in the shape of Okta's own, `/pocket/v1` for what Okta's API has no word for."""

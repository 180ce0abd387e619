"""The SAML library: what it takes, what it refuses, and why; pure functions, no server."""

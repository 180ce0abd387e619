"""SAML over HTTP: where identity providers send people, and themselves."""

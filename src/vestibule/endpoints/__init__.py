"""The HTTP endpoints: SCIM, SAML, the console, health.

They authenticate the caller, open transactions and turn results and errors into responses.
"""

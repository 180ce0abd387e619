"""Vestibule: a self-hosted, multi-tenant SCIM 2.0 service provider with an Admin Console and SAML sign-in."""

__version__ = "0.1.0"

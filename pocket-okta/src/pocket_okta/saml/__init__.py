"""SAML 2.0 of an identity provider: keys, metadata, requests, responses, encryption, logout.

The rule: a library. No I/O and no clock; the moment is always given. XML is parsed in `xml` alone.
"""

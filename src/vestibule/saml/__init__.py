"""SAML 2.0 as a library: no I/O, no clock, no tenant, no SQL, no HTTP framework."""

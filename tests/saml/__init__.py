"""Tests of the SAML library: what it accepts, what it refuses, and why. Pure functions, no server."""

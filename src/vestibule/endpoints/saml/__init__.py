"""The SAML endpoints, which identity providers and the browsers of their people call."""

"""The error for SAML input that is not accepted."""


class SamlError(Exception):
    """A SAML message, certificate or metadata document is not accepted.

    `wanted` and `came` are noun phrases for an administrator: what was expected and what was found. They quote no
    secrets.
    """

    def __init__(self, wanted: str, came: str) -> None:
        super().__init__(f"Expected {wanted}; got {came}.")
        self.wanted = wanted
        self.came = came
        self.reason = f"expected {wanted}; got {came}"
        """The message as part of a longer sentence."""

"""How SAML input is refused: what was wanted and what came."""


class SamlError(Exception):
    """Something SAML that cannot be taken. Both parts are sentences for an administrator, and quote no secret."""

    def __init__(self, wanted: str, came: str) -> None:
        super().__init__(f"{wanted}; got {came}.")
        self.wanted = wanted
        self.came = came

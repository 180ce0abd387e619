"""scim2-server as its documentation serves it: its own applications over its own storage in memory, with its bearer
check.

`serve:wsgi` is the WSGI application of its README with the token check of its `scim2-server` command; `serve:asgi` is
the ASGI application it ships beside that one. Runs in the peer's own environment, never in Vestibule's.
"""

import os

from scim2_models import ScimProvider, UnauthorizedException
from scim2_server.applications.asgi import ASGIApplication  # type: ignore[import-not-found]  # lives in the peer's environment
from scim2_server.memory import AsyncInMemoryStorage, InMemoryStorage  # type: ignore[import-not-found]  # as above
from scim2_server.requests import ScimRequest  # type: ignore[import-not-found]  # as above
from scim2_server.testserver.application import (  # type: ignore[import-not-found]  # as above
    BEARER_TOKEN_SCHEME,
    BearerTokenApplication,
)
from scim2_server.utils import (  # type: ignore[import-not-found]  # as above
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

TOKEN = os.environ["BENCH_TOKEN"]


def provide() -> ScimProvider:
    """The default service, announcing the bearer scheme as the `scim2-server` command does."""
    config = load_default_service_provider_config()
    config.authentication_schemes = [*(config.authentication_schemes or []), BEARER_TOKEN_SCHEME]
    return ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )


def check_bearer(request: ScimRequest) -> None:
    """The check that BearerTokenApplication makes, for the ASGI application, which comes without one."""
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or token != TOKEN:
        raise UnauthorizedException


wsgi = BearerTokenApplication(InMemoryStorage(), provide(), bearer_tokens=[TOKEN])
asgi = ASGIApplication(AsyncInMemoryStorage(), provide())
asgi.check_auth = check_bearer

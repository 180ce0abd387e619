"""All pages by name, with the values for the parameters of their URLs.

The rule: a page of the console that is not listed here fails `test_every_page_is_looked_at`, so that none is forgotten.
"""

from collections.abc import Mapping
from typing import Final

_IN: Final = "/console/{tenant}"
_IDP: Final = _IN + "/identity-providers/{provider}"

ENTRANCE: Final[Mapping[str, str]] = {
    "sign in": "/console/sign-in",
    "sign in to a tenant": "/console/sign-in?to=/console/{tenant}/users&tenant={tenant}",
    "sign in with a passkey": "/console/passkey",
    "one-time link": "/setup/{link}",
    "second step": "/console/second-step",
    "sign in as a person": "/{tenant}/",
}
"""What is seen before somebody has signed in."""

CONSOLE: Final[Mapping[str, str]] = {
    "my account": "/console/account",
    "sign in again": "/console/account/again",
    "form that is gone": "/console/account/kept-form?form=0",
    "new factor": "/console/account/new-factor",
    "tenants": "/console/",
    "overview": _IN + "/",
    "users": _IN + "/users",
    "users found": _IN + "/users?q=a&state=active&provider={provider}",
    "nobody found": _IN + "/users?q=nobody+is+called+this",
    "who is blocked": _IN + "/users?state=blocked",
    "new user": _IN + "/users/new",
    "provisioned person": _IN + "/users/{person}",
    "person by hand": _IN + "/users/{by_hand}",
    "blocked person": _IN + "/users/{blocked}",
    "blocking a person": _IN + "/users/{by_hand}/blocked",
    "person gone": _IN + "/users/{gone}",
    "groups": _IN + "/groups",
    "groups found": _IN + "/groups?q=a&provider=hand",
    "no group found": _IN + "/groups?q=no+group+is+called+this",
    "new group": _IN + "/groups/new",
    "pushed group": _IN + "/groups/{pushed_group}",
    "group by hand": _IN + "/groups/{group_by_hand}",
    "members found": _IN + "/groups/{pushed_group}?q=a",
    "group gone": _IN + "/groups/{group_gone}",
    "identity providers": _IN + "/identity-providers",
    "new identity provider": _IN + "/identity-providers/new",
    "identity provider": _IDP,
    "another identity provider": _IN + "/identity-providers/{entra}",
    "identity provider: provisioning": _IDP + "/provisioning",
    "identity provider: sign-in": _IDP + "/sign-in",
    "identity provider: activity": _IDP + "/activity",
    "identity provider: settings": _IDP + "/settings",
    "mapping": _IDP + "/mapping",
    "role rules": _IDP + "/roles",
    "retiring a key": _IDP + "/keys/{credential}/retire",
    "rule preview": _IDP + "/previews/{preview}",
    "applications": _IN + "/applications",
    "application": _IN + "/applications/{application}",
    "activity": _IN + "/activity",
    "activity refused": _IN + "/activity?what=refused",
    "person created": _IN + "/activity/{created}",
    "person changed": _IN + "/activity/{changed}",
    "request refused": _IN + "/activity/{refused}",
    "credential refused": _IN + "/activity/{stranger}",
    "mapping changed": _IN + "/activity/{remapped}",
    "role rules changed": _IN + "/activity/{reruled}",
    "group made": _IN + "/activity/{grouped}",
    "group changed": _IN + "/activity/{regrouped}",
    "tenant": _IN + "/tenant",
    "administrators": _IN + "/administrators",
    "locking out": _IN + "/administrators/{administrator}/enabled",
    "operators": "/console/house/administrators",
    "activity of the house": "/console/house/activity",
    "no such page": _IN + "/users/nobody",
}

POCKET_OKTA: Final[Mapping[str, str]] = {
    "overview": "/",
    "tasks": "/dashboard/tasks",
    "people": "/directory/people",
    "add person": "/directory/people/new",
    "person": "/directory/people/{okta_person}",
    "deactivated person": "/directory/people/{okta_gone}",
    "edit person": "/directory/people/{okta_person}/edit",
    "groups": "/directory/groups",
    "group": "/directory/groups/{group}",
    "applications": "/applications",
    "catalogue": "/applications/catalog",
    "wizard": "/applications/new",
    "general": "/applications/{app}/general?edit=1",
    "integration": "/applications/{app}/provisioning/integration",
    "edit integration": "/applications/{app}/provisioning/integration?edit=1",
    "to app": "/applications/{app}/provisioning/to-app?edit=1",
    "to okta": "/applications/{app}/provisioning/to-okta",
    "assignments": "/applications/{app}/assignments",
    "assign people": "/applications/{app}/assignments/people",
    "edit assignment": "/applications/{app}/assignments/{okta_person}",
    "import": "/applications/{app}/import",
    "system log": "/reports/system-log",
    "log entry": "/reports/system-log/{entry}",
    "tokens": "/security/api/tokens",
}

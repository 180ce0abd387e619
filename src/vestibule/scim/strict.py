"""What the RFCs answer with an error and this service corrects or ignores, unless an identity provider is strict.

The checks run on a request as it came, before it is cleaned, so that the tolerant way costs nothing. What the RFCs let
a service provider ignore, such as read-only attributes in a POST (RFC 7644 §3.3), is ignored here as well.
"""

from typing import Any, Final

from vestibule.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, Mutability, named
from vestibule.scim.patch import Operation
from vestibule.scim.resource import kind
from vestibule.scim.schema import Attribute, ResourceType
from vestibule.scim.target import parse_target

PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_ACCEPTED: Final = frozenset({"schemas", "password"})
"""Top-level names that no schema here has, and that a resource may have all the same (RFC 7643 §3, §4.1.1)."""


def check_resource(body: Any, resource_type: ResourceType) -> None:
    """Check a whole resource, as POST and PUT send it.

    Raises:
        InvalidSyntax: `schemas` is missing or lacks a schema that is used, or an attribute is in no schema.
        InvalidValue: a value has another type than its attribute.
    """
    if not isinstance(body, dict):
        return  # refused in any case
    _check_schemas(body, resource_type)
    for name, value in body.items():
        if name.lower() in _ACCEPTED:
            continue
        own = value if resource_type.is_core(name) and isinstance(value, dict) else {name: value}
        for each, part in own.items():
            _check_named(each, part, resource_type.root, "")


def check_patch(body: Any, operations: list[Operation], resource_type: ResourceType) -> None:
    """Check a PATCH.

    Raises:
        InvalidSyntax: `schemas` is missing, there is no operation, or a value has an attribute that is in no schema.
        InvalidPath: no schema has a path.
        InvalidValue: a value has another type than its attribute.
        Mutability: a path is read-only, or `active` would be removed.
    """
    check_message(body, PATCH_OP)
    if not operations:
        raise InvalidSyntax("A PATCH should have at least one operation; got none.")
    for operation in operations:
        if operation.path is None or resource_type.is_core(operation.path):
            for name, part in operation.value.items() if isinstance(operation.value, dict) else ():
                _check_path(operation._replace(path=name, value=part), resource_type, explicit=False)
        else:
            _check_path(operation, resource_type, explicit=True)


def _check_path(operation: Operation, resource_type: ResourceType, *, explicit: bool) -> None:
    path = operation.path or ""
    if path.lower() in _ACCEPTED or resource_type.is_core(path):
        return
    target = parse_target(path, resource_type)
    if target is None:
        raise InvalidPath(f"There is no attribute '{named(path)}' in {resource_type.name}.")
    if target.read_only:
        if explicit:
            raise Mutability(f"'{named(path)}' is read-only: only this service sets it.")
        return
    if operation.verb == "remove":
        if path.lower() == "active":
            raise Mutability("'active' cannot be removed; it can be replaced.")
        return
    leaf = target.steps[-1]
    is_one = target.selector is not None and target.selects == len(target.steps) - 1
    _check_value(operation.value, leaf, path, is_one=is_one or not isinstance(operation.value, list))


def check_message(body: Any, schema: str) -> None:
    """Check that a message of the protocol says what it is.

    Raises:
        InvalidSyntax: its `schemas` does not list its schema.
    """
    if schema.lower() not in _listed(body):
        raise InvalidSyntax(f"The 'schemas' of this message should be [\"{schema}\"].")


def _listed(body: Any) -> set[str]:
    """Returns the schemas that a body lists, in lower case."""
    named_in_it = body.items() if isinstance(body, dict) else ()
    schemas = next((value for name, value in named_in_it if name.lower() == "schemas"), None)
    return {urn.lower() for urn in schemas if isinstance(urn, str)} if isinstance(schemas, list) else set()


def _check_schemas(body: dict[str, Any], resource_type: ResourceType) -> None:
    listed = _listed(body)
    used = [name for name in body if name.lower().startswith("urn:")]
    for urn in (resource_type.core.id, *used):
        if urn.lower() not in listed:
            raise InvalidSyntax(f"'schemas' should list '{named(urn)}', whose attributes the body has.")


def _check_named(name: str, value: Any, above: Attribute, where: str) -> None:
    attribute = above.sub(name)
    joint = ":" if above.name.startswith("urn:") else "."
    path = f"{where}{joint}{name}" if where else name
    if attribute is None:
        raise InvalidSyntax(f"There is no attribute '{named(path)}' here; /Schemas lists all of them.")
    if attribute.mutability != "readOnly":
        _check_value(value, attribute, path, is_one=False)


def _check_value(value: Any, attribute: Attribute, where: str, *, is_one: bool) -> None:
    if value is None:
        return
    if attribute.multi_valued and not is_one:
        if not isinstance(value, list):
            raise InvalidValue(f"'{named(where)}' should be a list; got {kind(value)}.", path=where)
        for element in value:
            _check_value(element, attribute, where, is_one=True)
    elif attribute.type == "complex":
        if not isinstance(value, dict):
            raise InvalidValue(f"'{named(where)}' should be an object; got {kind(value)}.", path=where)
        for name, part in value.items():
            _check_named(name, part, attribute, where)
    elif attribute.type == "boolean":
        if not isinstance(value, bool):
            raise InvalidValue(f"'{named(where)}' should be true or false; got {kind(value)}.", path=where)
    elif not isinstance(value, str):
        raise InvalidValue(f"'{named(where)}' should be a text; got {kind(value)}.", path=where)

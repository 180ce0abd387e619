"""The discovery documents, generated from the schemas and limits that are really used (RFC 7643 §5-§7)."""

from typing import Any

from vestibule.limits import CURSOR_SECONDS
from vestibule.scim.bulk import LARGEST_BULK, MAX_BULK_OPERATIONS
from vestibule.scim.filter import Document
from vestibule.scim.messages import DEFAULT_PAGE, MAX_PAGE
from vestibule.scim.resource import MAX_TEXT
from vestibule.scim.schema import RESOURCE_TYPES, Attribute, ResourceType, Schema

_PREFIX = "urn:ietf:params:scim:schemas:core:2.0:"


def service_provider_config(base_url: str) -> Document:
    """Returns ServiceProviderConfig (RFC 7643 §5)."""
    return {
        "schemas": [_PREFIX + "ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_BULK_OPERATIONS, "maxPayloadSize": LARGEST_BULK},
        "filter": {"supported": True, "maxResults": MAX_PAGE},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_PAGE,
            "maxPageSize": MAX_PAGE,
            "cursorTimeout": CURSOR_SECONDS,
        },
        "authenticationSchemes": [
            {
                "type": "httpbasic",
                "name": "HTTP Basic",
                "description": "The Key as user name and the Secret as password.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc7617",
                "primary": True,
            },
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The token that is shown beside the Key and the Secret.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            },
        ],
        "meta": _meta("ServiceProviderConfig", f"{base_url}/ServiceProviderConfig"),
    }


def resource_types(base_url: str) -> list[Document]:
    """Returns every ResourceType (RFC 7643 §6)."""
    return [_resource_type(resource_type, base_url) for resource_type in RESOURCE_TYPES]


def schemas(base_url: str) -> list[Document]:
    """Returns every Schema that a resource here can have (RFC 7643 §7)."""
    kept = {schema.id: schema for each in RESOURCE_TYPES for schema in (each.core, *each.extensions)}
    return [_schema(schema, base_url) for schema in kept.values()]


def _resource_type(resource_type: ResourceType, base_url: str) -> Document:
    return {
        "schemas": [_PREFIX + "ResourceType"],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.core.id,
        "schemaExtensions": [{"schema": schema.id, "required": False} for schema in resource_type.extensions],
        "meta": _meta("ResourceType", f"{base_url}/ResourceTypes/{resource_type.name}"),
    }


def _schema(schema: Schema, base_url: str) -> Document:
    return {
        "schemas": [_PREFIX + "Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": [_attribute(attribute) for attribute in schema.attributes],
        "meta": _meta("Schema", f"{base_url}/Schemas/{schema.id}"),
    }


def _attribute(attribute: Attribute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.multi_valued,
        "description": _description(attribute),
        "required": attribute.required,
        "mutability": attribute.mutability,
        "returned": attribute.returned,
    }
    if attribute.type == "complex":
        described["subAttributes"] = [_attribute(sub) for sub in attribute.sub_attributes]
    elif attribute.type != "boolean":
        described |= {"caseExact": attribute.case_exact, "uniqueness": attribute.uniqueness}
    if attribute.canonical_values:
        described["canonicalValues"] = list(attribute.canonical_values)
    if attribute.reference_types:
        described["referenceTypes"] = list(attribute.reference_types)
    return described


def _description(attribute: Attribute) -> str:
    """Returns an attribute's description with its maximum length, for which RFC 7643 §7 has no characteristic."""
    if attribute.type in {"complex", "boolean"} or attribute.mutability == "readOnly":
        return attribute.description
    longest = attribute.max_bytes or MAX_TEXT
    return f"{attribute.description} At most {longest:,} bytes of UTF-8.".strip()


def _meta(resource_type: str, location: str) -> dict[str, str]:
    return {"resourceType": resource_type, "location": location}

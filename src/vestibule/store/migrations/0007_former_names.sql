-- Whom a sign-in does not create again: the userNames that an identity provider's people had before they were renamed, as
-- hashes, like those of `departures`. What the log still knows of earlier renames is filled in by `store.former_names`.
CREATE TABLE former_names (
    tenant_id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    name_check {bytes} NOT NULL,
    user_id {key} NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, identity_provider_id, name_check)
);

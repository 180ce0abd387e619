-- Groups that identity providers push. Members are rows and no part of the document, so that adding one to 200,000 costs what
-- adding one to ten does. member_count is the number of a group's rows in group_members.
CREATE TABLE groups (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    name_key {key} NOT NULL,
    external_id {key},
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    member_count BIGINT NOT NULL,
    document {json} NOT NULL,
    folded {json} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX groups_by_name ON groups (tenant_id, name_key, identity_provider_id);
CREATE INDEX groups_by_external_id ON groups (tenant_id, external_id, identity_provider_id);
CREATE INDEX groups_by_provider ON groups (tenant_id, identity_provider_id, id);

CREATE TABLE group_members (
    tenant_id {key} NOT NULL,
    group_id {key} NOT NULL,
    member_id {key} NOT NULL,
    is_group BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, group_id, member_id)
) {without_rowid};
CREATE INDEX group_members_by_member ON group_members (tenant_id, member_id, group_id);

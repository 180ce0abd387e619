-- Every key of a tenant's row begins with the tenant, every id is made by the application: the schema runs unchanged on a
-- PostgreSQL that shards by tenant. {key} is text that is compared byte by byte on both engines. Times are milliseconds.

CREATE TABLE tenants (
    id {key} PRIMARY KEY,
    name {key} NOT NULL,
    title TEXT NOT NULL,
    state {key} NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenants_by_name ON tenants (name);

CREATE TABLE identity_providers (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    name TEXT NOT NULL,
    name_key {key} NOT NULL,
    vendor {key} NOT NULL,
    enabled BOOLEAN NOT NULL,
    provisioning {key} NOT NULL,
    adopts BOOLEAN NOT NULL,
    saml {json} NOT NULL,
    mapping {json} NOT NULL,
    mapping_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX identity_providers_by_name ON identity_providers (tenant_id, name_key);

-- The Secret is kept as its HMAC only. A key is found with its tenant in one look-up.
CREATE TABLE credentials (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    key {key} NOT NULL,
    secret_check {bytes} NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    last_used_from TEXT NOT NULL,
    last_used_agent TEXT NOT NULL,
    tested_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX credentials_by_key ON credentials (tenant_id, key);
CREATE INDEX credentials_by_provider ON credentials (tenant_id, identity_provider_id);

-- id: a UUIDv7 whose instant is created_at, so the key answers for it; most indexes grow at their end, because every page
-- that a write touches is written twice.
-- document: the SCIM resource as the identity provider said it, without id and meta. folded: the same with its text folded,
-- for comparisons without regard to case. search: what a person is found by in the console, folded and shortened.
CREATE TABLE users (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    user_name_key {key} NOT NULL,
    external_id {key},
    active BOOLEAN NOT NULL,
    role TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    search {key} NOT NULL,
    document {json} NOT NULL,
    folded {json} NOT NULL,
    profile {json} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX users_by_name ON users (tenant_id, user_name_key, identity_provider_id);
CREATE INDEX users_by_external_id ON users (tenant_id, external_id, identity_provider_id);
CREATE INDEX users_by_provider ON users (tenant_id, identity_provider_id, id);
CREATE INDEX users_by_state ON users (tenant_id, identity_provider_id, active, id);
CREATE INDEX users_by_search ON users (tenant_id, id, search);
CREATE INDEX users_by_change ON users (tenant_id, modified_at);

CREATE TABLE user_emails (
    tenant_id {key} NOT NULL,
    value_key {key} NOT NULL,
    user_id {key} NOT NULL,
    position BIGINT NOT NULL,
    type_key {key},
    is_primary BOOLEAN,
    PRIMARY KEY (tenant_id, value_key, user_id, position)
) {without_rowid};

-- Append-only: the activity log, the audit trail and the outbox read it.
CREATE TABLE events (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    at BIGINT NOT NULL,
    type {key} NOT NULL,
    actor {json} NOT NULL,
    identity_provider_id {key} NOT NULL,
    subject_id {key} NOT NULL,
    request_id {key} NOT NULL,
    data {json} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX events_by_subject ON events (tenant_id, subject_id, id);
CREATE INDEX events_by_provider ON events (tenant_id, identity_provider_id, id);
CREATE INDEX events_by_type ON events (tenant_id, type, id);

CREATE TABLE derivations (
    tenant_id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    mapping_version BIGINT NOT NULL,
    cursor_id {key} NOT NULL,
    done BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    total BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (tenant_id, identity_provider_id)
);

-- Operators stand under the tenant 'house'.
CREATE TABLE administrators (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    email TEXT NOT NULL,
    email_key {key} NOT NULL,
    name TEXT NOT NULL,
    role {key} NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    signed_in_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX administrators_by_email ON administrators (tenant_id, email_key);
CREATE INDEX administrators_across ON administrators (email_key);

-- One-time links: the first set-up, and the choice of a password.
CREATE TABLE invitations (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    administrator_id {key} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);

CREATE TABLE sessions (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    administrator_id {key} NOT NULL,
    form_token {key} NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);
CREATE INDEX sessions_by_administrator ON sessions (tenant_id, administrator_id);

-- How often something failed lately, by what it is counted on (an e-mail, an address).
CREATE TABLE throttles (
    tenant_id {key} NOT NULL,
    name {key} NOT NULL,
    failures BIGINT NOT NULL,
    until BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- Facts about the installation, such as a check that the pepper is the one the credentials were made with.
CREATE TABLE facts (
    name {key} PRIMARY KEY,
    value TEXT NOT NULL
);

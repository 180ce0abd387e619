-- Signing in: people's sessions, the sign-ins under way, what may be used once only, the service provider's own keys, roles,
-- applications, second factors of administrators, and how quickly a deactivation ended what was open.

ALTER TABLE tenants ADD COLUMN session_idle BIGINT NOT NULL DEFAULT 1800000;
ALTER TABLE tenants ADD COLUMN session_absolute BIGINT NOT NULL DEFAULT 28800000;

-- roles: the rules that give roles, as JSON.
ALTER TABLE identity_providers ADD COLUMN roles {json} NOT NULL DEFAULT '{}';

-- saml_groups: the groups of the person's last assertion, as JSON. blocked_at: since when an administrator of this house
-- keeps the person out, whatever the identity provider says.
ALTER TABLE users ADD COLUMN saml_groups {json} NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN blocked_at BIGINT;
CREATE INDEX users_by_block ON users (tenant_id, id) WHERE blocked_at IS NOT NULL;

-- Administrators who come from an identity provider are a person's second face: user_id says whose.
ALTER TABLE administrators ADD COLUMN identity_provider_id {key} NOT NULL DEFAULT '';
ALTER TABLE administrators ADD COLUMN user_id {key} NOT NULL DEFAULT '';
CREATE INDEX administrators_by_user ON administrators (tenant_id, user_id);

-- A person's signed-in browser. `id` is what a page may name it by; the cookie's token is kept as its hash only.
CREATE TABLE user_sessions (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    id {key} NOT NULL,
    user_id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    name_id {key} NOT NULL,
    name_id_format TEXT NOT NULL,
    session_index {key} NOT NULL,
    form_token {key} NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);
CREATE INDEX user_sessions_by_user ON user_sessions (tenant_id, user_id);
CREATE INDEX user_sessions_by_name ON user_sessions (tenant_id, identity_provider_id, name_id);

-- Sign-ins that were begun and not answered yet, each bound to the browser that began it; and sign-in tests with their
-- results.
CREATE TABLE saml_requests (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    purpose {key} NOT NULL,
    browser_check {bytes} NOT NULL,
    relay TEXT NOT NULL,
    administrator_id {key} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    result {json},
    PRIMARY KEY (tenant_id, id)
);

-- What may be used once: assertions, logout requests and revocation tokens, until they expire by themselves.
CREATE TABLE saml_seen (
    tenant_id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    seen_check {bytes} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, identity_provider_id, seen_check)
);

-- The service provider's own keys, for signed requests and encrypted assertions; the private part is encrypted under the
-- pepper. state: next, current, previous.
CREATE TABLE saml_keys (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    state {key} NOT NULL,
    private_key {bytes} NOT NULL,
    certificate TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX saml_keys_by_provider ON saml_keys (tenant_id, identity_provider_id);

-- What a person may open after signing in. An empty role shows it to everybody.
CREATE TABLE applications (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- From the request that took a person's access to the last session that died: microseconds after it was received.
CREATE TABLE stopwatches (
    tenant_id {key} NOT NULL,
    event_id {key} NOT NULL,
    user_id {key} NOT NULL,
    received_at BIGINT NOT NULL,
    committed_after BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
);

-- Second factors of administrators who sign in with a password. kind: webauthn, totp. secret: a public key, or a TOTP
-- secret encrypted under the pepper. used_step: the last TOTP step that was taken, or the authenticator's counter.
CREATE TABLE factors (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    administrator_id {key} NOT NULL,
    kind {key} NOT NULL,
    name TEXT NOT NULL,
    credential_id {bytes} NOT NULL,
    secret {bytes} NOT NULL,
    used_step BIGINT NOT NULL,
    confirmed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX factors_by_administrator ON factors (tenant_id, administrator_id);

CREATE TABLE recovery_codes (
    tenant_id {key} NOT NULL,
    administrator_id {key} NOT NULL,
    code_check {bytes} NOT NULL,
    PRIMARY KEY (tenant_id, administrator_id, code_check)
);

-- A sign-in whose password was right and whose second factor is awaited, or a factor that is being added.
CREATE TABLE ceremonies (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    administrator_id {key} NOT NULL,
    purpose {key} NOT NULL,
    challenge {bytes} NOT NULL,
    relay TEXT NOT NULL,
    failures BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);

-- Administrators: browsers that are known, second factors that are required, and secrets that are shown once.

-- A browser in which an administrator signed in before. Its cookie is kept as its hash only, and is another one after
-- each sign-in.
CREATE TABLE known_browsers (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    administrator_id {key} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);
CREATE INDEX known_browsers_by_administrator ON known_browsers (tenant_id, administrator_id);

-- Since when a tenant's owners, and all of its administrators, have to have a second factor; 0 if they do not.
ALTER TABLE tenants ADD COLUMN factor_of_owners_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN factor_of_all_since BIGINT NOT NULL DEFAULT 0;

-- What one session may see once, such as a Secret that was just made, or a form that waits until its sender has signed in
-- again. It is sealed under the pepper, and emptied when it is taken.
CREATE TABLE sealed_notes (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    session_check {bytes} NOT NULL,
    sealed {bytes} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    taken_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);

-- When an administrator first chose a password: where several have one e-mail, it is of the one who did so first.
ALTER TABLE administrators ADD COLUMN joined_at BIGINT;
UPDATE administrators SET joined_at = created_at WHERE password_hash <> '';

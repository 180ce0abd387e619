-- A derivation looks at the people who changed around its start in batches, too. late_from: where that second pass stands.
ALTER TABLE derivations ADD COLUMN late_from BIGINT;

-- A mapping or role rules that somebody is about to save, tried on everybody. Short-lived: one for each administrator and
-- identity provider. mapping_version: the rules that the draft is compared with. cursor_id: how far the preview is.
-- result: what was counted so far.
CREATE TABLE rule_previews (
    tenant_id {key} NOT NULL,
    id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    administrator_id {key} NOT NULL,
    subject {key} NOT NULL,
    draft {json} NOT NULL,
    mapping_version BIGINT NOT NULL,
    cursor_id {key} NOT NULL,
    total BIGINT NOT NULL,
    result {json} NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX rule_previews_by_provider ON rule_previews (tenant_id, identity_provider_id);
CREATE INDEX rule_previews_by_expiry ON rule_previews (expires_at);

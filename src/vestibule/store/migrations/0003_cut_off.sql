-- What began before somebody's access was taken opens nothing afterwards, not even where the access was given back
-- meanwhile. signed_out_at: when everything that the person had open was last ended, in milliseconds.
ALTER TABLE users ADD COLUMN signed_out_at BIGINT NOT NULL DEFAULT 0;

-- Whom a sign-in does not create again: the userNames of people who were deleted, as hashes, for people who are gone are
-- remembered by nothing else than this and the log.
CREATE TABLE departures (
    tenant_id {key} NOT NULL,
    identity_provider_id {key} NOT NULL,
    name_check {bytes} NOT NULL,
    departed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, identity_provider_id, name_check)
);

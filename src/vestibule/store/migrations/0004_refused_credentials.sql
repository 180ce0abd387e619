-- refused_at: when a request of this identity provider was last refused so that the whole connection is in question (its
-- credential, or an address that there is not), in milliseconds; null if none ever was. Its page compares it with the last
-- success, whichever process saw which.
ALTER TABLE identity_providers ADD COLUMN refused_at BIGINT;

-- A key that is presented under another tenant's address, or under none, is told to the tenant that it belongs to.
CREATE INDEX credentials_of_every_tenant ON credentials (key);

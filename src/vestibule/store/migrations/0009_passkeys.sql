-- An administrator who signs in with a passkey alone is found by it.
CREATE INDEX factors_by_credential ON factors (credential_id);

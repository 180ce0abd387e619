-- Whether what the RFCs answer with an error is refused, and not corrected or ignored.
ALTER TABLE identity_providers ADD COLUMN strict BOOLEAN NOT NULL DEFAULT FALSE;

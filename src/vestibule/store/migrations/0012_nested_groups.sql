-- The groups in a group, which may have 200,000 people as well. `is_group` is a column of the index too, because SQLite
-- then prefers it to the primary key.
CREATE INDEX group_members_nested ON group_members (tenant_id, group_id, is_group, member_id) WHERE is_group = TRUE;

-- Why a session ended before its time. The browser that still has its cookie is told so for a day; the cookie is kept as
-- its hash only, as in `user_sessions` and `sessions`, and nothing here says whose it was.
CREATE TABLE ended_sessions (
    tenant_id {key} NOT NULL,
    token_check {bytes} NOT NULL,
    reason {key} NOT NULL,
    ended_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, token_check)
);
CREATE INDEX ended_sessions_by_time ON ended_sessions (ended_at);

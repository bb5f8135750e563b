-- Who may use the drop page: partners have no account in Airflow. Of a link's token, and of a browser's session, only hashes
-- are kept, so that a copy of the database opens nothing.
CREATE TABLE meta.partner_invite (
    invite_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id text NOT NULL,
    token_sha256 text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE TABLE meta.partner_session (
    session_sha256 text PRIMARY KEY,
    invite_id bigint NOT NULL REFERENCES meta.partner_invite ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

COMMENT ON TABLE meta.partner_invite IS 'Links to the drop page, each for one partner; analysts do not see them.';
COMMENT ON COLUMN meta.partner_invite.invite_id IS 'Number of the invitation.';
COMMENT ON COLUMN meta.partner_invite.partner_id IS 'Partner whose prefix it opens, as contracts name it.';
COMMENT ON COLUMN meta.partner_invite.token_sha256 IS 'SHA-256 of the link''s token, in hex: the token itself is not kept.';
COMMENT ON COLUMN meta.partner_invite.created_at IS 'When it was made.';
COMMENT ON COLUMN meta.partner_invite.expires_at IS 'Until when it opens the page.';
COMMENT ON COLUMN meta.partner_invite.revoked_at IS 'When it was taken back; null: it was not.';
COMMENT ON COLUMN meta.partner_invite.last_used_at IS 'When somebody last signed in by it.';
COMMENT ON TABLE meta.partner_session IS 'Browsers that are signed in to the drop page; analysts do not see them.';
COMMENT ON COLUMN meta.partner_session.session_sha256 IS 'SHA-256 of the cookie, in hex.';
COMMENT ON COLUMN meta.partner_session.invite_id IS 'Invitation by which it signed in; revoking that ends it.';
COMMENT ON COLUMN meta.partner_session.expires_at IS 'When it ends.';

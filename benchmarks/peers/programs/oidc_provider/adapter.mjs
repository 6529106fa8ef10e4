// The storage of oidc-provider in PostgreSQL: the contract of its documentation ("Adapter"), each
// method one prepared statement that commits by itself.
import pg from 'pg';

const TABLE = `
  CREATE TABLE IF NOT EXISTS oidc (
    id text, kind text, payload jsonb NOT NULL, grant_id text, user_code text, uid text,
    expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (id, kind)
  );
  CREATE INDEX IF NOT EXISTS oidc_grant_id ON oidc (grant_id);
  CREATE INDEX IF NOT EXISTS oidc_uid ON oidc (uid) WHERE uid IS NOT NULL;
  CREATE INDEX IF NOT EXISTS oidc_user_code ON oidc (user_code) WHERE user_code IS NOT NULL;
`;
const UPSERT = `
  INSERT INTO oidc (id, kind, payload, grant_id, user_code, uid, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (id, kind) DO UPDATE SET payload = $3, grant_id = $4, user_code = $5, uid = $6,
    expires_at = $7, consumed_at = NULL
`;
const FIND = `
  SELECT payload, extract(epoch FROM consumed_at)::bigint AS consumed FROM oidc
  WHERE kind = $2 AND (expires_at IS NULL OR expires_at > now()) AND
`;

const pool = new pg.Pool(); // where PGHOST, PGPORT, PGUSER and PGDATABASE say

export const prepare = () => pool.query(TABLE);

export class Adapter {
  constructor(kind) {
    this.kind = kind;
  }

  async upsert(id, payload, seconds) {
    const expires = seconds ? new Date(Date.now() + seconds * 1000) : null;
    const { grantId, userCode, uid } = payload;
    await this.query('upsert', UPSERT, [id, this.kind, payload, grantId, userCode, uid, expires]);
  }

  find(id) {
    return this.found('find', `${FIND} id = $1`, id);
  }

  findByUid(uid) {
    return this.found('find-by-uid', `${FIND} uid = $1`, uid);
  }

  findByUserCode(userCode) {
    return this.found('find-by-user-code', `${FIND} user_code = $1`, userCode);
  }

  consume(id) {
    const text = 'UPDATE oidc SET consumed_at = now() WHERE id = $1 AND kind = $2';
    return this.query('consume', text, [id, this.kind]);
  }

  destroy(id) {
    return this.query('destroy', 'DELETE FROM oidc WHERE id = $1 AND kind = $2', [id, this.kind]);
  }

  revokeByGrantId(grantId) {
    return this.query('revoke', 'DELETE FROM oidc WHERE grant_id = $1', [grantId]);
  }

  async found(name, text, value) {
    const { rows: [row] } = await this.query(name, text, [value, this.kind]);
    if (!row) return undefined;
    return row.consumed ? { ...row.payload, consumed: Number(row.consumed) } : row.payload;
  }

  query(name, text, values) {
    return pool.query({ name, text, values });
  }
}

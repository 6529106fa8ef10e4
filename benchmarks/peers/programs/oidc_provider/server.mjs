// oidc-provider as its documentation sets it up, with two clients: `jwt` gets access tokens that are
// JWTs (ES256), `opaque` gets such as are stored. Settings: STORAGE (postgresql or memory), PORT,
// WORKERS, SECRET (of both clients), KEYS (a file for the signing keys), SESSIONS (how many to begin
// with for each client), and SEEDS (a file for their refresh tokens, its name followed by the client).
//
// `node server.mjs prepare` makes the table, the keys and the sessions; without it, it serves. In
// memory nothing can be prepared, so the sessions are made before the first request is answered.
import cluster from 'node:cluster';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import { Provider } from 'oidc-provider';

const { KEYS, SECRET, SEEDS } = process.env;
const PORT = Number(process.env.PORT);
const WORKERS = Number(process.env.WORKERS);
const SESSIONS = Number(process.env.SESSIONS);
const IN_MEMORY = process.env.STORAGE === 'memory';
const DAYS = 24 * 60 * 60;

// Its own store in memory holds a thousand values, so one client is all that it has room for.
const CLIENTS = IN_MEMORY ? ['opaque'] : ['jwt', 'opaque'];
const storage = IN_MEMORY ? undefined : await import('./adapter.mjs');

function key(alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: alg, use: 'sig', alg };
}

function makeKeys() {
  const keys = [
    key('ES256', 'ec', { namedCurve: 'P-256' }),
    key('RS256', 'rsa', { modulusLength: 2048 }),
  ];
  fs.writeFileSync(KEYS, JSON.stringify({ keys }), { mode: 0o600 });
}

const resource = (client) => `https://${client}.example.test`;

function provider() {
  return new Provider(`http://127.0.0.1:${PORT}`, {
    adapter: storage?.Adapter,
    jwks: JSON.parse(fs.readFileSync(KEYS)),
    cookies: { keys: [SECRET] },
    scopes: ['openid', 'offline_access', 'api:read'],
    clients: CLIENTS.map((id) => ({
      client_id: id,
      client_secret: SECRET,
      grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
      redirect_uris: ['https://client.example.test/callback'],
      scope: 'openid offline_access api:read',
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client) => resource(client.clientId),
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, audience, client) => ({
          scope: 'api:read',
          audience,
          accessTokenTTL: 900,
          accessTokenFormat: client.clientId,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: () => '/interaction' },
    rotateRefreshToken: true,
    ttl: { AccessToken: 900, ClientCredentials: 900, Grant: 14 * DAYS, RefreshToken: 14 * DAYS },
  });
}

async function begin(server, id) {
  const client = await server.Client.find(id);
  const tokens = [];
  for (let number = 0; number < SESSIONS; number += 1) {
    const accountId = `account-${number}`;
    const grant = new server.Grant({ accountId, clientId: id });
    grant.addResourceScope(resource(id), 'api:read');
    const token = new server.RefreshToken({
      accountId,
      client,
      grantId: await grant.save(),
      gty: 'authorization_code',
      resource: resource(id),
      scope: 'api:read',
    });
    tokens.push(await token.save());
  }
  fs.writeFileSync(`${SEEDS}.${id}`, `${tokens.join('\n')}\n`);
}

async function beginAll(server) {
  for (const id of CLIENTS) await begin(server, id);
}

if (process.argv[2] === 'prepare') {
  makeKeys();
  if (!IN_MEMORY) {
    await storage.prepare();
    await beginAll(provider());
  }
  process.exit(0);
} else if (cluster.isPrimary && WORKERS > 1) {
  for (let worker = 0; worker < WORKERS; worker += 1) cluster.fork();
} else {
  const server = provider();
  if (IN_MEMORY) await beginAll(server);
  server.listen(PORT, '127.0.0.1');
}

// A real OpenID provider for the tests: server.mjs PORT CERTIFICATE KEY REDIRECT_URI
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const [port, cert, key, redirect] = process.argv.slice(2);
const provider = new Provider(`https://127.0.0.1:${port}`, {
  clients: [{ client_id: 'postern', client_secret: 'a secret of the tests', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: ['ops-team'] }) }),
});
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, provider.callback())
  .listen(Number(port), '127.0.0.1', () => console.log('ready'));

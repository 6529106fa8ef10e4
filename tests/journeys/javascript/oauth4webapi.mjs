// The journey of oauth4webapi: it checks each answer by the letter and forgives nothing.
// Called with a JSON object as its argument, answers with one: what each step saw.

import * as oauth from 'oauth4webapi'
import { Person } from './person.mjs'

const given = JSON.parse(process.argv[2])
const issuer = new URL(given.issuer)
const http = { [oauth.allowInsecureRequests]: true }
const person = new Person(given.person)

async function metadata(algorithm) {
  const answer = await oauth.discoveryRequest(issuer, { ...http, algorithm })
  return oauth.processDiscoveryResponse(issuer, answer)
}

const server = await metadata('oidc')
const plain = await metadata('oauth2')
const self = { client_id: given.client.client_id }
const authentication = oauth.ClientSecretBasic(given.client.client_secret)

async function code(mode) {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const address = new URL(server.authorization_endpoint)
  address.search = new URLSearchParams({
    client_id: self.client_id,
    redirect_uri: given.redirect_uri,
    response_type: 'code',
    scope: 'openid profile offline_access',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    max_age: '3600',
    state,
    nonce,
  })
  const back = await person.visit(address, given.redirect_uri)
  const parameters = oauth.validateAuthResponse(server, self, back, state)
  const answer = await oauth.authorizationCodeGrantRequest(
    server, self, authentication, parameters, given.redirect_uri, verifier, http)
  const tokens = await oauth.processAuthorizationCodeResponse(server, self, answer, {
    expectedNonce: nonce,
    maxAge: 3600,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(server, answer, http)
  return { tokens, parameters, verifier }
}

const { tokens, parameters, verifier } = await code()
const claims = oauth.getValidatedIdTokenClaims(tokens)

const told = await oauth.userInfoRequest(server, self, tokens.access_token, http)
const who = await oauth.processUserInfoResponse(server, self, claims.sub, told)

const refreshed = await oauth.refreshTokenGrantRequest(
  server, self, authentication, tokens.refresh_token, http)
const next = await oauth.processRefreshTokenResponse(server, self, refreshed)

const introspected = await oauth.introspectionRequest(
  server, self, authentication, next.access_token, http)
const active = await oauth.processIntrospectionResponse(server, self, introspected)

const signed = await oauth.introspectionRequest(
  server, self, authentication, next.access_token, { ...http, requestJwtResponse: true })
const signedActive = await oauth.processIntrospectionResponse(
  server, { ...self, introspection_signed_response_alg: 'RS256' }, signed)

const again = await oauth.authorizationCodeGrantRequest(
  server, self, authentication, parameters, given.redirect_uri, verifier, http)
const usedTwice = await oauth.processAuthorizationCodeResponse(server, self, again).then(
  () => 'tokens',
  (error) => error.error,
)
const afterwards = await oauth.introspectionRequest(
  server, self, authentication, next.access_token, http)
const ended = await oauth.processIntrospectionResponse(server, self, afterwards)

console.log(JSON.stringify({
  sameFacts: JSON.stringify(server) === JSON.stringify(plain),
  claims,
  who,
  active,
  signedActive,
  usedTwice,
  ended,
}))

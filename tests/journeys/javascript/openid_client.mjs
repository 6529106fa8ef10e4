// The journeys of openid-client. It is told the issuer's URL and its own registration, no more.
// Called with a JSON object as its argument, answers with one: what each step saw.

import * as client from 'openid-client'
import { importJWK } from 'jose'
import { Person } from './person.mjs'

const given = JSON.parse(process.argv[2])
const redirectUri = given.redirect_uri
const person = new Person(given.person)

function authentication(registered) {
  if (registered.key) {
    return importJWK(registered.key, 'ES256').then((key) =>
      client.PrivateKeyJwt({ key, kid: registered.key.kid }),
    )
  }
  return registered.client_secret
    ? client.ClientSecretBasic(registered.client_secret)
    : client.None()
}

async function discovered(registered) {
  return client.discovery(
    new URL(given.issuer),
    registered.client_id,
    registered.metadata ?? {},
    await authentication(registered),
    { execute: [client.allowInsecureRequests] },
  )
}

async function signedIn(config, { DPoP, parameters = {}, pushed = false, signer } = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const asked = {
    redirect_uri: redirectUri,
    scope: 'openid profile email offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: client.randomState(),
    nonce: client.randomNonce(),
    ...parameters,
  }
  const address = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })
    : signer
      ? await client.buildAuthorizationUrlWithJAR(config, asked, signer)
      : client.buildAuthorizationUrl(config, asked)
  const back = await person.visit(address, redirectUri)
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: asked.state,
    expectedNonce: asked.nonce,
    idTokenExpected: true,
  }
  return client.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
}

const journeys = {
  /** Sign in, refresh, ask who it is, introspect, revoke. */
  async whole() {
    const config = await discovered(given.client)
    const first = await signedIn(config)
    const claims = first.claims()
    const who = await client.fetchUserInfo(config, first.access_token, claims.sub)
    const second = await client.refreshTokenGrant(config, first.refresh_token)
    const before = given.client.client_secret || given.client.key
      ? await client.tokenIntrospection(config, second.access_token)
      : { active: true }
    await client.tokenRevocation(config, second.refresh_token)
    const refused = await client
      .refreshTokenGrant(config, second.refresh_token)
      .then(() => 'refreshed', (error) => error.error)
    return { claims, who, rotated: second.refresh_token !== first.refresh_token, before, refused }
  },

  /** Two sign-ins of one browser: the second one asks nothing. Then the sign-out. */
  async silentAndOut() {
    const config = await discovered(given.client)
    const first = await signedIn(config)
    const silent = await signedIn(config, { parameters: { prompt: 'none' } })
    const out = client.buildEndSessionUrl(config, {
      id_token_hint: silent.id_token,
      post_logout_redirect_uri: given.post_logout_redirect_uri,
      state: 'out',
    })
    const left = await person.visit(out, given.post_logout_redirect_uri)
    const after = await signedIn(config, { parameters: { prompt: 'none' } }).then(
      () => 'signed in',
      (error) => error.error,
    )
    const refused = await client
      .refreshTokenGrant(config, silent.refresh_token)
      .then(() => 'refreshed', (error) => error.error)
    return {
      sameSession: first.claims().sid === silent.claims().sid,
      left: left.href,
      after,
      refused,
    }
  },

  /** A client that registers itself, and is everything that it asked to be. */
  async registered() {
    const config = await client.dynamicClientRegistration(
      new URL(given.issuer),
      {
        client_name: 'Registered by itself',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email offline_access',
        id_token_signed_response_alg: 'ES256',
        token_endpoint_auth_method: 'client_secret_post', // what this library does by itself
      },
      undefined,
      { execute: [client.allowInsecureRequests] },
    )
    const first = await signedIn(config)
    const second = await client.refreshTokenGrant(config, first.refresh_token)
    const { client_id, client_secret } = config.clientMetadata()
    return {
      client_id,
      has_secret: Boolean(client_secret),
      aud: first.claims().aud,
      rotated: second.refresh_token !== first.refresh_token,
    }
  },

  /** A request that is pushed before the browser comes: the browser carries a reference. */
  async pushed() {
    const config = await discovered(given.client)
    const tokens = await signedIn(config, { pushed: true })
    return { aud: tokens.claims().aud }
  },

  /** A request that the client has signed: the browser carries nothing else. */
  async signed() {
    const config = await discovered(given.client)
    const key = await importJWK(given.client.key, 'ES256')
    const tokens = await signedIn(config, { signer: { key, kid: given.client.key.kid } })
    return { aud: tokens.claims().aud }
  },

  /** A device without a browser: polled once before the person has said yes, and once after. */
  async device() {
    const config = await discovered(given.client)
    const asked = await client.initiateDeviceAuthorization(config, { scope: 'openid profile' })
    const poll = () =>
      client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', {
        device_code: asked.device_code,
      })
    const before = await poll().then(() => 'tokens', (error) => error.error)
    await person.visit(asked.verification_uri_complete)
    const tokens = await poll()
    const who = await client.fetchUserInfo(config, tokens.access_token, client.skipSubjectCheck)
    return { before, sub: who.sub, tokenType: tokens.token_type }
  },

  /** A public client whose tokens are bound to a key of its own. */
  async bound() {
    const config = await discovered(given.client)
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const first = await signedIn(config, { DPoP })
    const who = await client.fetchUserInfo(config, first.access_token, first.claims().sub, { DPoP })
    const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP })
    const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const stolen = await client
      .refreshTokenGrant(config, second.refresh_token, undefined, { DPoP: thief })
      .then(() => 'refreshed', (error) => error.error)
    const asBearer = await client
      .fetchUserInfo(config, second.access_token, first.claims().sub)
      .then(() => 'told', (error) => error.cause?.[0]?.parameters?.error ?? error.code)
    return { tokenType: second.token_type, sub: who.sub, stolen, asBearer }
  },
}

console.log(JSON.stringify(await journeys[given.journey]()))

// A person with a browser without scripts: it keeps cookies, follows redirects and fills in forms.

export class Person {
  #cookies = new Map()

  constructor({ email, password }) {
    this.email = email
    this.password = password
  }

  /**
   * Go to an address and do what the pages there ask, until the browser is sent to `redirectUri`,
   * or without one until a page asks nothing more.
   * @returns {Promise<URL>} where the browser is then
   */
  async visit(address, redirectUri = null) {
    let url = new URL(address)
    let answer = await this.#ask(url)
    for (let turn = 0; turn < 12; turn++) {
      const location = answer.headers.get('location')
      if (location !== null) {
        url = new URL(location, url)
        if (redirectUri !== null && url.href.startsWith(redirectUri)) return url
        answer = await this.#ask(url)
      } else {
        const html = await answer.text()
        if (redirectUri === null && answer.ok && !html.includes('<form')) return url
        const form = formOf(html, url)
        for (const [name, value] of Object.entries(this.#answers(form))) form.fields.set(name, value)
        url = form.action
        answer = await this.#ask(url, form.fields)
      }
    }
    throw new Error(`no way leads from ${address} to ${redirectUri}`)
  }

  #answers(form) {
    const path = form.action.pathname
    if (path === '/sign-in') return { identifier: this.email, password: this.password }
    if (path === '/consent') return { decision: 'allow' }
    if (path === '/device/confirmation') return { decision: 'approve' }
    if (path === '/device') return { user_code: form.userCode }
    if (path === '/tenant') return { tenant_id: form.firstChoice }
    return {}
  }

  async #ask(url, fields) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, {
      method: fields ? 'POST' : 'GET',
      body: fields,
      headers: cookie ? { cookie } : {},
      redirect: 'manual',
    })
    for (const one of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(one)
      this.#cookies.set(name, value)
    }
    return answer
  }
}

function formOf(html, url) {
  const action = /<form method="post" action="([^"]+)"/.exec(html)
  if (action === null) throw new Error(`a page without a form at ${url}: ${html}`)
  const fields = new URLSearchParams()
  for (const [, name, value] of html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)) {
    fields.set(name, unescaped(value))
  }
  const choice = /type="radio" name="tenant_id" value="([^"]*)"/.exec(html)
  const code = /name="user_code" value="([^"]*)"/.exec(html)
  return { action: new URL(action[1], url), fields, firstChoice: choice?.[1], userCode: code?.[1] }
}

function unescaped(text) {
  return text
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

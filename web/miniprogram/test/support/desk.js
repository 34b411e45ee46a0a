/** The desk's side of a call: agents by REST and WebSocket, whose pictures and sounds come and go by RTMP. */
const http = require('http')
const WebSocket = require('ws')
const { Media, Tag } = require('./media')
const { eventually, near, COLORS } = require('./phones')

/** Agents whose password is their name: what "hutong password" makes of it. */
const PASSWORDS = {
  anna: '$argon2id$v=19$m=19456,t=2,p=1$iZqajCUEfj32ySX5YGcJqQ$OebYUOe4VwcKYkT5qMl3hk0U5sGRnfEJsqYXpmgcYXA',
  ben: '$argon2id$v=19$m=19456,t=2,p=1$OEGt5zbCevJ1ySrl9r11hg$q1+6nQW6dEQw3VkURHtvLb23832KWPu9x6OzxcKjTOY',
  sam: '$argon2id$v=19$m=19456,t=2,p=1$vu16qPTjntEz1TmR0VPINg$CmJHOoldMM+g6UuBrh9y2QZ3ZQQvXToIcylpnbJHqZA'
}

/** YAML of a gateway with a desk: Anna and Ben take calls, Sam looks after them. more is YAML under desk. */
function deskConfig(queues, more) {
  const agent = (name, role, serves) => `    - {name: ${name}, nick_name: ${name[0].toUpperCase() + name.slice(1)}, password: "${PASSWORDS[name]}", role: ${role}, queues: [${serves}]}`
  return `
queues:
${queues.map((queue) => '  - ' + queue).join('\n')}
desk:
  wrap_up: 0
${(more || []).map((line) => '  ' + line).join('\n')}
  agents:
${[agent('anna', 'agent', 'support'), agent('ben', 'agent', 'support'), agent('sam', 'admin', '')].join('\n')}
`
}

class Agent {
  constructor(gateway, name, sends) {
    Object.assign(this, { gateway, name, userID: 'agent-' + name, cookie: '', csrf: '', calls: new Map() })
    this.media = new Media({ url: async (url) => url }, sends || { color: 'blue', tone: 880 })
  }

  /** Promises the answer of a call of the desk that is to succeed. */
  async ask(method, path, body) {
    const { status, body: answer } = await this.request(method, path, body)
    if (status < 200 || status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`)
    return answer
  }

  request(method, path, body) {
    return new Promise((resolve, reject) => {
      const call = http.request(this.gateway.url + '/api/v1' + path, {
        method, agent: false, timeout: 10000,
        headers: { 'content-type': 'application/json', ...(this.cookie ? { cookie: this.cookie, 'x-csrf-token': this.csrf } : {}) }
      }, (response) => {
        let text = ''
        response.on('data', (data) => { text += data })
        response.on('end', () => {
          const set = response.headers['set-cookie']
          if (set) this.cookie = set[0].split(';')[0]
          resolve({ status: response.statusCode, body: text ? JSON.parse(text) : null })
        })
      })
      call.on('timeout', () => call.destroy(new Error('timeout')))
      call.on('error', reject)
      call.end(method === 'GET' ? undefined : JSON.stringify(body || {}))
    })
  }

  /** Logs in and opens the console. */
  async open() {
    this.csrf = (await this.ask('POST', '/agent/login', { name: this.name, password: this.name })).csrf
    this.console = new WebSocket(this.gateway.url.replace('http', 'ws') + '/api/v1/agent/ws', { headers: { cookie: this.cookie } })
    this.console.on('error', () => {})
    await new Promise((resolve) => this.console.on('open', resolve))
  }

  be(state) { return this.ask('PUT', '/agent/state', { state }) }

  /** Promises the call that rings at this agent, or is transferred to them. */
  rings() {
    return eventually('a call to ring at ' + this.name, async () => {
      const { calls } = await this.ask('GET', '/calls')
      return calls.find((call) => [call.ringing, call.transfer].some((to) => to && to.agentID === this.name))
    })
  }

  /** Answers what rings, pushes picture and sound into its room, and plays the caller. Promises the call. */
  async answers() {
    const { callID } = await this.rings()
    const { call, room } = await this.ask('POST', `/calls/${callID}/answer`)
    await this.enters(call, room)
    return call
  }

  async enters(call, room) {
    this.room = room
    this.start('pusher', 'me', room.push.rtmp)
    const play = (room.members.find((member) => member.userID === call.caller.userID) || {}).play
    if (play) this.start('player', call.caller.userID, play.rtmp)
  }

  start(kind, id, url) {
    const tag = new Tag(this.media, kind, id, (event, detail) => {
      // An agent's page would play a caller again who has come back.
      if (detail.code === -2301 && !this.closed) setTimeout(() => tag.start(), 500)
    })
    this.media.tags.set(id, tag)
    tag.setURL(url, true)
  }

  /** Promises that the agent sees and hears somebody. */
  sees(userID, color, tone) {
    return eventually(() => `${this.name} to see ${userID} in ${color} and hear ${tone}; it is ${JSON.stringify(this.media.report()[userID])}`, () => {
      const seen = this.media.report()[userID]
      return seen && seen.color && near(seen.color, COLORS[color]) && Math.abs(seen.tone - tone) <= 10
    })
  }

  act(callID, what, body) { return this.ask('POST', `/calls/${callID}/${what}`, body) }

  /** Promises a room's WebSocket of the agent: {said, say(text)}. */
  async talks() {
    const socket = new WebSocket(this.room.ws)
    const said = []
    socket.on('message', (data) => {
      const message = JSON.parse(data)
      if (message.type === 'message') said.push(message)
    })
    socket.on('error', () => {})
    await new Promise((resolve) => socket.on('open', resolve))
    this.talk = socket
    return { said, say: (text) => socket.send(JSON.stringify({ type: 'message', kind: 'text', text })) }
  }

  /** Leaves the room and its media; the console stays. */
  hushes() {
    this.media.close()
    this.media.tags.clear()
    if (this.talk) this.talk.close()
    this.talk = null
  }

  close() {
    this.closed = true
    this.hushes()
    if (this.console) this.console.terminate()
  }
}

module.exports = { Agent, deskConfig }

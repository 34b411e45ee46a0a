/** A WebSocket server that says what a test tells it to: for what a real gateway does only when things go wrong. */
const { WebSocketServer } = require('ws')

class Script {
  static async start() {
    const script = new Script()
    script.server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await new Promise((resolve) => script.server.on('listening', resolve))
    script.url = 'http://127.0.0.1:' + script.server.address().port
    script.sockets = []
    script.requests = []
    /** cmd -> the reply's fields, or a function of the request; undefined is silence. */
    script.replies = { login: () => ({ code: 0, userID: 'me', session: 's1', resumed: false, c2c: 0 }) }
    script.server.on('connection', (socket, request) => {
      script.path = request.url
      script.sockets.push(socket)
      socket.on('message', (data) => {
        const asked = JSON.parse(data)
        if (asked.cmd !== 'ping') script.requests.push(asked)
        const known = script.replies[asked.cmd]
        const reply = known === undefined ? { code: 0 } : typeof known === 'function' ? known(asked, socket) : known
        if (reply) socket.send(JSON.stringify({ id: asked.id, ...reply }))
      })
    })
    return script
  }

  get socket() { return this.sockets[this.sockets.length - 1] }

  say(event) { this.socket.send(JSON.stringify(event)) }

  /** The requests of a kind so far. */
  asked(cmd) { return this.requests.filter((request) => request.cmd === cmd) }

  async stop() {
    for (const socket of this.server.clients) socket.terminate()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

module.exports = { Script }

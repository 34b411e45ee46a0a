/** A phone's network: everything goes through relays on loopback, which can be cut and mended. */
const net = require('net')

class Wire {
  constructor() {
    this.relays = new Map()
    this.up = true
  }

  /** Promises host:port through which a host:port is reached. */
  async to(target) {
    if (!this.relays.has(target)) this.relays.set(target, relay(this, target))
    return (await this.relays.get(target)).address
  }

  /** Promises a URL that leads where url does, through the wire. */
  async url(url) {
    const parts = /^(\w+:\/\/)([^/?#]+)(.*)$/.exec(url)
    if (!parts) return url
    const [, scheme, host, rest] = parts
    return scheme + (await this.to(host)) + rest
  }

  /** Loses the network: what is open ends without a word, and nothing opens. */
  async cut() {
    this.up = false
    for (const made of this.relays.values()) {
      for (const socket of (await made).sockets) socket.destroy()
    }
  }

  mend() {
    this.up = true
  }

  async close() {
    await this.cut()
    for (const made of this.relays.values()) (await made).server.close()
  }
}

function relay(wire, target) {
  const at = target.lastIndexOf(':')
  const [host, port] = at < 0 ? [target, 80] : [target.slice(0, at), Number(target.slice(at + 1))]
  const sockets = new Set()
  const server = net.createServer((near) => {
    if (!wire.up) {
      near.destroy()
      return
    }
    const far = net.connect(port, host)
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ server, sockets, address: '127.0.0.1:' + server.address().port }))
  })
}

module.exports = { Wire }

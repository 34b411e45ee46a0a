/** Phones for tests: each a process of its own (phone.js), used by promises. */
const { spawn } = require('child_process')
const path = require('path')
const readline = require('readline')

/** How long a test waits for what has to happen: long enough for a machine that does much else. */
const PATIENCE = 60000

class Phone {
  constructor(gateway, sends) {
    const args = [path.join(__dirname, 'phone.js'), '--gateway', gateway.url]
    for (const [name, value] of Object.entries(sends || {})) args.push('--' + name, String(value))
    this.process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.ended = new Promise((resolve) => this.process.on('close', resolve))
    this.events = []
    this.answers = new Map()
    this.trouble = ''
    this.next = 1
    this.process.stderr.on('data', (data) => { this.trouble += data })
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
      const said = JSON.parse(line)
      if (said.event) {
        this.events.push(said)
        return
      }
      const { resolve, reject } = this.answers.get(said.id)
      this.answers.delete(said.id)
      if (said.error === undefined) resolve(said.result)
      else reject(Object.assign(new Error(said.error), { code: said.code }))
    })
    this.ended.then(() => {
      for (const { reject } of this.answers.values()) reject(new Error('the phone has ended: ' + this.trouble))
    })
  }

  /** Promises a command's result. */
  do(what, command) {
    return new Promise((resolve, reject) => {
      const id = this.next++
      this.answers.set(id, { resolve, reject })
      this.process.stdin.write(JSON.stringify({ ...command, id, do: what }) + '\n')
    })
  }

  mount(name, file, properties, events) { return this.do('mount', { name, file, properties, events }) }
  set(name, properties) { return this.do('set', { name, properties }) }
  call(name, method, ...args) { return this.do('call', { name, method, args }) }
  data(name) { return this.do('data', { name }) }
  use(file, method, ...args) { return this.do('use', { file, method, args }) }
  media() { return this.do('media') }

  /** The events of a name so far, or those that match. */
  heard(event, match) {
    return this.events.filter((said) => said.event === event && (!match || Object.keys(match).every((key) => said[key] === match[key])))
  }

  /** Promises an event, past or to come. */
  hears(event, match) {
    return eventually(() => `${event} ${JSON.stringify(match || {})}; heard ${JSON.stringify(this.events.slice(-8))}`, () => this.heard(event, match)[0])
  }

  /** Promises that a player shows a colour and sounds a tone. */
  plays(id, color, tone) {
    return eventually(() => `the player of ${id} to show ${color} and sound ${tone}; it has ${JSON.stringify(this.last)}`, async () => {
      this.last = (await this.media())[id]
      return this.last && this.last.color && near(this.last.color, COLORS[color]) && (!tone || Math.abs(this.last.tone - tone) <= 10)
    })
  }

  /** A blank screen, for the next test. */
  async clear() {
    await this.do('clear')
    this.events = this.events.filter((said) => said.event === 'crash')
  }

  async close() {
    this.process.stdin.end()
    const late = setTimeout(() => this.process.kill('SIGKILL'), 5000)
    await this.ended
    clearTimeout(late)
    const crash = this.heard('crash')[0]
    if (crash) throw new Error('the phone threw ' + crash.detail)
  }
}

const COLORS = { red: [255, 0, 0], green: [0, 128, 0], blue: [0, 0, 255], yellow: [255, 255, 0] }

function near(color, wanted) {
  return color.every((value, at) => Math.abs(value - wanted[at]) < 50)
}

/** Promises the first true value of condition; what, a text or a function, says what was waited for. */
async function eventually(what, condition) {
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error('waited in vain for ' + (typeof what === 'function' ? what() : what))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

module.exports = { Phone, eventually, near, COLORS }

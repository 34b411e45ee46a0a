/** Runs a real gateway on free ports of loopback: GATEWAY_BINARY, or one that is built once for all tests. */
const { spawn, execFileSync } = require('child_process')
const fs = require('fs')
const http = require('http')
const net = require('net')
const os = require('os')
const path = require('path')

const REPOSITORY = path.resolve(__dirname, '../../../..')

/** Builds the gateway into a directory, unless there is one to be used; jest's global set-up. */
async function build() {
  if (process.env.GATEWAY_BINARY) return
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hutong-miniprogram-'))
  process.env.GATEWAY_BINARY = path.join(directory, 'hutong')
  process.env.GATEWAY_BINARY_DIRECTORY = directory
  execFileSync('go', ['build', '-buildvcs=false', '-o', process.env.GATEWAY_BINARY, './cmd/hutong'], {
    cwd: REPOSITORY, env: { ...process.env, CGO_ENABLED: '0' }, stdio: ['ignore', 'ignore', 'inherit']
  })
}

async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

class Gateway {
  /** Promises a gateway that is ready. more is YAML for the weapp section, sections YAML of others. */
  static async start(more, sections) {
    const gateway = new Gateway()
    gateway.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hutong-gateway-'))
    const [web, rtmp, webrtc] = [await freePort(), await freePort(), await freePort()]
    gateway.url = `http://127.0.0.1:${web}`
    gateway.rtmp = `127.0.0.1:${rtmp}`
    gateway.config = path.join(gateway.directory, 'hutong.yaml')
    fs.writeFileSync(gateway.config, `
data_dir: ${path.join(gateway.directory, 'data')}
log: {level: debug}
http: {address: "127.0.0.1:${web}"}
rtmp: {address: "127.0.0.1:${rtmp}"}
webrtc: {udp_address: "127.0.0.1:${webrtc}", tcp_address: "127.0.0.1:${webrtc}", loopback: "true"}
stream: {publisher_grace: 3s, play_wait: 5s}
weapp: {enabled: true, sdk_app_id: 1400000001, key: "0123456789abcdef0123456789abcdef"${more ? ', ' + more : ''}}
${sections || ''}
`)
    await gateway.run()
    return gateway
  }

  /** Starts the process, for the first time or again with the same state. */
  async run() {
    this.log = ''
    const process = spawn(env('GATEWAY_BINARY'), ['serve', '--config', this.config], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.process = process
    for (const stream of [process.stdout, process.stderr]) stream.on('data', (data) => { this.log = (this.log + data).slice(-200000) })
    const ended = new Promise((resolve) => process.on('close', resolve))
    this.ended = ended
    const deadline = Date.now() + 30000
    while ((await this.get('/readyz')).status !== 200) {
      if (process.exitCode !== null || Date.now() > deadline) throw new Error('the gateway does not start:\n' + this.log)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Ends the process; its state stays. */
  async halt(signal) {
    this.process.kill(signal || 'SIGTERM')
    const late = setTimeout(() => this.process.kill('SIGKILL'), 20000)
    await this.ended
    clearTimeout(late)
  }

  async stop() {
    await this.halt()
    fs.rmSync(this.directory, { recursive: true, force: true })
    const trouble = /panic:|DATA RACE|fatal error:/.exec(this.log)
    if (trouble) throw new Error('the gateway said ' + this.log.slice(trouble.index, trouble.index + 2000))
  }

  get(path) {
    return new Promise((resolve) => {
      const call = http.get(this.url + path, { agent: false, timeout: 5000 }, (response) => {
        let text = ''
        response.on('data', (data) => { text += data })
        response.on('end', () => {
          let body = text
          try { body = JSON.parse(text) } catch (err) { body = text }
          resolve({ status: response.statusCode, body })
        })
      })
      call.on('timeout', () => call.destroy())
      call.on('error', () => resolve({ status: 0 }))
    })
  }
}

const env = (name) => process.env[name]

module.exports = build
module.exports.Gateway = Gateway

/**
 * `<live-pusher>` and `<live-player>` that do what the tags do, with ffmpeg: the one pushes a colour and a tone by RTMP, the
 * other plays and knows which colour and which tone arrive. Both try again by themselves before they give up, as the tags do.
 */
const { spawn } = require('child_process')

/** How often a tag tries again, and how soon, in milliseconds. */
const TRIES = 3
const AGAIN = 1000
const PICTURE = { width: 16, height: 16 }
const RATE = 8000

/** What a phone sends: {color, tone} of a picture and a sound, or {file} with both in an FLV. */
class Media {
  constructor(wire, sends) {
    this.wire = wire
    this.sends = sends
    this.tags = new Map()
    /** With permission refused, or a camera that does not open, the tag says so and does not push. */
    this.trouble = null
  }

  pusher(id) {
    return context(this, id || 'rtcpusher', ['start', 'stop', 'pause', 'resume', 'switchCamera', 'startPreview', 'stopPreview'])
  }

  player(id) {
    return context(this, id, ['play', 'stop', 'pause', 'resume', 'mute'])
  }

  /** The colour, the tone in hertz and the number of frames of what arrives, by id. */
  report() {
    const seen = {}
    for (const [id, tag] of this.tags) {
      seen[id] = { kind: tag.kind, url: tag.url, running: !!tag.process, states: tag.states.slice(), muted: tag.muted, calls: tag.calls.slice() }
      if (tag.kind === 'player') Object.assign(seen[id], { frames: tag.frames, color: tag.color, tone: tag.tone })
    }
    return seen
  }

  close() {
    for (const tag of this.tags.values()) tag.stop()
  }
}

function context(media, id, names) {
  const made = {}
  for (const name of names) {
    made[name] = (options) => {
      const tag = media.tags.get(id)
      if (tag) {
        tag.calls.push(name)
        if (tag[name]) tag[name]()
      }
      setTimeout(() => {
        if (options && options.success) options.success({})
        if (options && options.complete) options.complete({})
      })
    }
  }
  return made
}

/** What both tags have: a process that is started again when it dies, and states that are told. */
class Tag {
  constructor(media, kind, id, tell) {
    Object.assign(this, { media, kind, id, tell, url: '', process: null, states: [], calls: [], muted: false, tries: 0, wanted: false })
    this.reset()
  }

  reset() {
    Object.assign(this, { frames: 0, color: null, tone: 0, sound: Buffer.alloc(0) })
  }

  state(code, message) {
    this.states.push(code)
    this.tell('statechange', { code, message: message || '' })
  }

  setURL(url, auto) {
    if (url === this.url) return
    this.url = url
    if (!url) this.stop()
    else if (auto) this.start()
  }

  start() {
    this.stop()
    if (!this.url || this.troubled()) return
    this.wanted = true
    this.tries = 0
    this.run()
  }

  /** Tells what is wrong with the camera, if anything is. */
  troubled() {
    const trouble = this.kind === 'pusher' && this.media.trouble
    if (trouble && trouble.errCode) this.tell('error', trouble)
    else if (trouble) this.state(trouble.code, trouble.message)
    return !!trouble
  }

  async run() {
    const url = await this.media.wire.url(this.url)
    if (!this.wanted || this.process) return
    const [args, stdio] = this.kind === 'pusher' ? [pushArgs(this.media.sends, url), ['ignore', 'pipe', 'pipe']] : [playArgs(url), ['ignore', 'pipe', 'pipe', 'pipe']]
    const child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'info', '-nostdin', ...args], { stdio })
    this.process = child
    let log = ''
    let up = false
    const connected = () => {
      if (up || this.process !== child) return
      up = true
      this.tries = 0
      this.state(this.kind === 'pusher' ? 1002 : 2004)
    }
    child.stderr.on('data', (data) => {
      log = (log + data).slice(-4000)
      // ffmpeg names its output once the server has taken the stream.
      if (this.kind === 'pusher' && /Output #0/.test(log)) connected()
    })
    if (this.kind === 'player') {
      child.stdout.on('data', (data) => {
        if (this.process !== child) return
        this.see(data)
        connected()
      })
      child.stdio[3].on('data', (data) => { if (this.process === child) this.hear(data) })
      child.stdio[3].on('error', () => {})
    } else {
      child.stdout.resume()
    }
    child.on('error', () => {})
    child.on('close', () => {
      if (this.process !== child) return
      this.process = null
      this.ended(log)
    })
  }

  /** The process has died of itself: the network is gone, or the stream. */
  ended(log) {
    if (!this.wanted) return
    this.tries++
    if (this.tries > TRIES) {
      this.wanted = false
      this.state(this.kind === 'pusher' ? -1307 : -2301, log)
      return
    }
    this.state(this.kind === 'pusher' ? 1102 : 2103)
    this.again = setTimeout(() => this.run(), AGAIN)
  }

  stop() {
    this.wanted = false
    clearTimeout(this.again)
    if (this.process) this.process.kill('SIGKILL')
    this.process = null
    this.reset()
  }

  play() {
    this.start()
  }

  /** A preview opens the camera, and is told of what is wrong with it; nothing is sent. */
  startPreview() {
    this.troubled()
  }

  pause() {
    if (this.process) this.process.kill('SIGSTOP')
  }

  resume() {
    if (this.process) this.process.kill('SIGCONT')
  }

  mute() {
    this.muted = !this.muted
  }

  /** Pictures of PICTURE in RGB: the last one's average colour. */
  see(data) {
    const size = PICTURE.width * PICTURE.height * 3
    this.rest = Buffer.concat([this.rest || Buffer.alloc(0), data])
    while (this.rest.length >= size) {
      const sums = [0, 0, 0]
      for (let i = 0; i < size; i++) sums[i % 3] += this.rest[i]
      this.color = sums.map((sum) => Math.round(sum * 3 / size))
      this.frames++
      this.rest = this.rest.subarray(size)
    }
  }

  /** Sound in 16 bit at RATE: the strongest tone of the last half second. */
  hear(data) {
    const window = RATE
    this.sound = Buffer.concat([this.sound, data]).subarray(-window)
    if (this.sound.length === window) this.tone = strongest(this.sound)
  }
}

function pushArgs(sends, url) {
  const out = ['-f', 'flv', '-flvflags', 'no_duration_filesize', url]
  if (sends.file) return ['-re', '-stream_loop', '-1', '-i', sends.file, '-c', 'copy', ...out]
  return [
    '-re', '-f', 'lavfi', '-i', `color=c=${sends.color}:s=180x320:r=15`, '-re', '-f', 'lavfi', '-i', `sine=frequency=${sends.tone}:sample_rate=48000`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p', '-g', '15', '-threads', '1',
    '-c:a', 'aac', '-ac', '1', '-b:a', '48k', ...out
  ]
}

function playArgs(url) {
  return [
    '-flags', 'low_delay', '-analyzeduration', '2000000', '-rw_timeout', '15000000', '-i', url,
    '-map', '0:v:0', '-vf', `scale=${PICTURE.width}:${PICTURE.height}:flags=area`, '-fps_mode', 'passthrough', '-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1',
    '-map', '0:a:0', '-ac', '1', '-ar', String(RATE), '-f', 's16le', 'pipe:3'
  ]
}

/** The strongest of the tones from 200 to 1600 Hz in steps of 10 Hz, by Goertzel; 0 in silence. */
function strongest(sound) {
  const samples = new Int16Array(sound.buffer.slice(sound.byteOffset, sound.byteOffset + sound.length))
  let best = 0
  let tone = 0
  let energy = 0
  for (const sample of samples) energy += sample * sample
  for (let hertz = 200; hertz <= 1600; hertz += 10) {
    const turn = 2 * Math.cos(2 * Math.PI * hertz / RATE)
    let one = 0
    let two = 0
    for (const sample of samples) {
      const now = sample + turn * one - two
      two = one
      one = now
    }
    const power = one * one + two * two - turn * one * two
    if (power > best) {
      best = power
      tone = hertz
    }
  }
  return Math.sqrt(energy / samples.length) > 10 ? tone : 0
}

module.exports = { Media, Tag }

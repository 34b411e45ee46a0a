// What a test page does: WHIP, WHEP, listening and drawing. It defines window.e2e.
(() => {
  const players = {}, publishers = {};
  const lines = (sdp, f) => sdp.split('\r\n').map(f).filter(l => l !== null).join('\r\n');

  function gathered(pc) {
    return new Promise(resolve => {
      const done = () => { if (pc.iceGatheringState === 'complete') resolve(); };
      pc.addEventListener('icegatheringstatechange', done);
      done();
    });
  }

  // exchange posts a complete offer and applies the answer. With relayPort, the
  // gateway learns no candidate and the browser only the relay's, so that every
  // packet takes the relay.
  async function exchange(pc, url, o) {
    const offer = await pc.createOffer();
    offer.sdp = offer.sdp.replace('useinbandfec=1', 'useinbandfec=1;stereo=1');
    await pc.setLocalDescription(offer);
    await gathered(pc);
    let body = pc.localDescription.sdp;
    if (o.relayPort) body = lines(body, l => l.startsWith('a=candidate') ? null : l);
    const r = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body });
    const text = await r.text();
    const info = { status: r.status, type: r.headers.get('content-type') || '', location: r.headers.get('location') || '',
      etag: r.headers.get('etag') || '', acceptPatch: r.headers.get('accept-patch') || '', body: text };
    if (r.status !== 201) { pc.close(); return info; }
    let sdp = text;
    if (o.relayPort) {
      sdp = lines(sdp, l => {
        if (!l.startsWith('a=candidate')) return l;
        const f = l.split(' ');
        if (f[2].toLowerCase() !== 'udp' || f[4] !== '127.0.0.1') return null;
        f[5] = String(o.relayPort);
        return f.join(' ');
      });
    }
    await pc.setRemoteDescription({ type: 'answer', sdp });
    return info;
  }

  const recorder = `registerProcessor('recorder', class extends AudioWorkletProcessor {
    constructor() { super(); this.left = new Float32Array(4800); this.right = new Float32Array(4800); this.n = 0; this.first = 0; this.channels = 1; }
    process(inputs) {
      const input = inputs[0];
      if (this.n === 0) this.first = currentFrame;
      for (let i = 0; i < 128; i++) {
        this.left[this.n] = input.length ? input[0][i] : 0;
        this.right[this.n] = input.length > 1 ? input[1][i] : this.left[this.n];
        if (input.length) this.channels = input.length;
        if (++this.n === 4800) {
          this.port.postMessage({ frame: this.first, left: this.left, right: this.right, channels: this.channels });
          this.left = new Float32Array(4800); this.right = new Float32Array(4800); this.n = 0; this.first = currentFrame + i + 1;
        }
      }
      return true;
    }
  })`;

  // listen records what a track sounds like, the last half minute of it.
  async function listen(track) {
    const ctx = new AudioContext({ sampleRate: 48000 });
    await ctx.audioWorklet.addModule(URL.createObjectURL(new Blob([recorder], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(ctx, 'recorder', { channelCountMode: 'max', outputChannelCount: [1] });
    const mute = new GainNode(ctx, { gain: 0 });
    ctx.createMediaStreamSource(new MediaStream([track])).connect(node).connect(mute).connect(ctx.destination);
    const sound = { ctx, chunks: [] };
    node.port.onmessage = e => {
      sound.chunks.push(e.data);
      if (sound.chunks.length > 300) sound.chunks.shift();
    };
    await ctx.resume();
    return sound;
  }

  function base64(floats) {
    const bytes = new Uint8Array(floats.buffer);
    let s = '';
    for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(s);
  }

  // pcm gives the last seconds heard, and when the first sample of it sounded in
  // milliseconds of performance.now().
  function pcm(name, seconds) {
    const sound = players[name].sound;
    if (!sound) return null;
    const want = Math.ceil(seconds * 10), chunks = sound.chunks.slice(-want);
    if (chunks.length < want) return null;
    const left = new Float32Array(chunks.length * 4800), right = new Float32Array(left.length);
    chunks.forEach((c, i) => { left.set(c.left, i * 4800); right.set(c.right, i * 4800); });
    const stamp = sound.ctx.getOutputTimestamp();
    const at = stamp.performanceTime + (chunks[0].frame / 48000 - stamp.contextTime) * 1000;
    return { at, channels: chunks[chunks.length - 1].channels, left: base64(left), right: base64(right) };
  }

  // play subscribes by WHEP and reads every picture.
  async function play(name, url, o = {}) {
    const pc = new RTCPeerConnection();
    const p = players[name] = { pc, video: document.createElement('video'), stream: new MediaStream(), sound: null, errors: [] };
    if (o.video !== false) pc.addTransceiver('video', { direction: 'recvonly' });
    if (o.audio !== false) pc.addTransceiver('audio', { direction: 'recvonly' });
    receive(p);
    const info = await exchange(pc, url, o);
    p.video.play().catch(() => {});
    return info;
  }

  // receive shows and records whatever tracks come.
  function receive(p) {
    p.video.autoplay = p.video.playsInline = true;
    p.pc.ontrack = e => {
      p.stream.addTrack(e.track);
      if (e.track.kind === 'audio') listen(e.track).then(s => { p.sound = s; }, err => p.errors.push(String(err)));
    };
    p.video.srcObject = p.stream;
    document.body.append(p.video);
    p.watch = hutongStrip.watch(p.video);
  }

  async function send(name, url, stream, o) {
    const pc = new RTCPeerConnection();
    publishers[name] = { pc, stream };
    for (const track of stream.getTracks()) {
      const t = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      if (track.kind !== 'video') continue;
      const mime = o.codec || 'video/H264';
      const codecs = RTCRtpSender.getCapabilities('video').codecs.filter(c => o.only ? c.mimeType === mime || c.mimeType === 'video/rtx' : true);
      t.setCodecPreferences(codecs.sort((a, b) => (b.mimeType === mime) - (a.mimeType === mime)));
      const params = t.sender.getParameters();
      params.degradationPreference = 'maintain-resolution';
      await t.sender.setParameters(params);
    }
    return exchange(pc, url, o);
  }

  // publish sends the fake camera and microphone by WHIP.
  async function publish(name, url, o = {}) {
    const want = {};
    if (o.video !== false) want.video = { width: 640, height: 480, frameRate: 30 };
    if (o.audio !== false) want.audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return send(name, url, await navigator.mediaDevices.getUserMedia(want), o);
  }

  // drawn makes a picture whose flash starts together with a beep, once a second:
  // sample k*rate of the sound leaves when picture k*30 is drawn.
  async function drawn() {
    const ctx = new AudioContext({ sampleRate: 48000 }), out = ctx.createMediaStreamDestination();
    await ctx.resume();
    const beep = new AudioBuffer({ length: 48000, sampleRate: 48000, numberOfChannels: 1 }), data = beep.getChannelData(0);
    for (let i = 0; i < 4800; i++) data[i] = 0.25 * Math.sin(2 * Math.PI * 1000 * i / 48000);
    const source = new AudioBufferSourceNode(ctx, { buffer: beep, loop: true });
    source.connect(out);
    // The clock of the sound against the page's: when a sample is made.
    const offsets = [];
    while (offsets.length < 60) {
      offsets.push(performance.now() - ctx.currentTime * 1000);
      await new Promise(r => setTimeout(r, 7));
    }
    offsets.sort((a, b) => a - b);
    const begin = ctx.currentTime + 0.5, zero = begin * 1000 + offsets[30];
    source.start(begin);
    window.e2e.drawnAt = performance.timeOrigin + zero; // of picture 0, in Unix milliseconds
    const canvas = document.createElement('canvas');
    canvas.width = 640; canvas.height = 480;
    document.body.append(canvas);
    const g = canvas.getContext('2d'), video = canvas.captureStream(0), track = video.getVideoTracks()[0];
    let n = 0;
    const tick = () => {
      const now = performance.now();
      n = Math.max(0, Math.round((now - zero) * 30 / 1000));
      hutongStrip.draw(g, 640, 480, n % 65536, n >= 30 && n % 30 < 3);
      track.requestFrame();
      setTimeout(tick, zero + (n + 1) * 1000 / 30 - performance.now());
    };
    tick();
    return new MediaStream([track, out.stream.getAudioTracks()[0]]);
  }

  const publishDrawn = async (name, url, o = {}) => send(name, url, await drawn(), o);

  // playoutOffset is how much older, in milliseconds of the sender's clock, the
  // picture being played is than the sound; 0 while one of them is unknown.
  async function playoutOffset(name) {
    const s = await stats(players[name].pc), a = s.inbound.audio, v = s.inbound.video;
    if (!a || !v || !a.estimatedPlayoutTimestamp || !v.estimatedPlayoutTimestamp) return 0;
    return a.estimatedPlayoutTimestamp - v.estimatedPlayoutTimestamp || 0.001;
  }

  async function scale(name, by) {
    const sender = publishers[name].pc.getSenders().find(s => s.track.kind === 'video');
    const params = sender.getParameters();
    params.encodings[0].scaleResolutionDownBy = by;
    await sender.setParameters(params);
  }

  // transport is the protocol of the pair in use, and stats the counters of a kind.
  async function stats(pc) {
    const out = { protocol: '', tcpType: '', inbound: {}, outbound: {} };
    const report = await pc.getStats();
    for (const s of report.values()) {
      if (s.type === 'inbound-rtp') out.inbound[s.kind] = s;
      if (s.type === 'outbound-rtp') out.outbound[s.kind] = s;
      if (s.type === 'transport' && s.selectedCandidatePairId) {
        const pair = report.get(s.selectedCandidatePairId);
        out.protocol = report.get(pair.localCandidateId).protocol;
      }
    }
    return out;
  }

  const stop = p => { p.pc.close(); if (p.stream) p.stream.getTracks().forEach(t => t.stop()); };

  window.e2e = {
    listen, base64, players, publishers, play, playoutOffset, publish, publishDrawn, scale, pcm,
    playerStats: name => stats(players[name].pc),
    publisherStats: name => stats(publishers[name].pc),
    state: name => players[name].pc.connectionState,
    unpublish: name => stop(publishers[name]),
  };
})();

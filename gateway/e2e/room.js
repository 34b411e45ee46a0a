// What a test does on the call page. It runs before the page's own scripts, notes what the gateway tells over the
// WebSocket, and reads the picture and the sound of each tile. It defines window.e2eRoom.
(() => {
  const told = [], history = [], tiles = new Map(), voices = new Map();

  window.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      this.addEventListener('message', ({ data }) => {
        const { type, event, userID, reason, resumed, session, code, me } = JSON.parse(data);
        if (type !== 'speaking' && type !== 'pong') told.push({ type, event, userID, reason, resumed, session, code, me: me?.userID });
      });
    }
  };

  const peers = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      peers.push(this);
    }
  };

  // ?without=h264 is a browser that lacks it.
  if (new URLSearchParams(location.search).get('without') === 'h264') {
    for (const side of [RTCRtpReceiver, RTCRtpSender]) {
      const real = side.getCapabilities.bind(side);
      side.getCapabilities = kind => {
        const all = real(kind);
        return all && { ...all, codecs: all.codecs.filter(c => c.mimeType.toLowerCase() !== 'video/h264') };
      };
    }
  }

  const by = id => document.querySelector(`[data-testid="${id}"]`);
  const members = () => [...document.querySelectorAll('[data-testid="tile"]')].map(t => t.dataset.user).sort();
  const tileOf = userID => document.querySelector(`[data-testid="tile"][data-user="${userID}"]`);
  const state = () => by('room-state')?.dataset.state ?? '';

  // What a person sees come and go: every change of the state and of who has a tile.
  setInterval(() => {
    const now = { state: state(), members: members().join() }, last = history.at(-1);
    if (!last || last.state !== now.state || last.members !== now.members) history.push(now);
  }, 40);

  // samples gives what a tile has shown since it was first asked for, or since forget.
  function samples(userID) {
    const video = tileOf(userID)?.querySelector('video');
    if (!video) return [];
    let watched = tiles.get(userID);
    if (watched?.video !== video) {
      if (watched) watched.watch.stopped = true;
      tiles.set(userID, (watched = { video, watch: hutongStrip.watch(video) }));
    }
    return watched.watch.samples;
  }

  // trackOf is the sound of a member, which a browser without WebRTC plays with the picture.
  function trackOf(userID) {
    const audio = document.querySelector(`audio[data-voice="${userID}"]`);
    if (audio?.srcObject) return audio.srcObject.getAudioTracks()[0];
    const video = tileOf(userID)?.querySelector('video');
    return video?.src ? video.captureStream().getAudioTracks()[0] : undefined;
  }

  // ear listens to a track until it is closed: what goes on listening costs the page time as long as it is open.
  function ear(track, element) {
    const listening = e2e.listen(track);
    const heard = { track, element, sound: null, close: () => listening.then(s => s.ctx.close()) };
    listening.then(s => (heard.sound = s));
    return heard;
  }

  // pcm gives the last seconds of a member's sound, null while there is not enough of it.
  function pcm(userID, seconds) {
    let voice = voices.get(userID);
    const live = voice?.track.readyState === 'live';
    if (!live || (voice.element && !voice.element.isConnected)) {
      const track = trackOf(userID);
      if (!track) return null;
      voice?.close();
      voices.set(userID, (voice = ear(track, document.querySelector(`audio[data-voice="${userID}"]`))));
    }
    const want = Math.ceil(seconds * 10), chunks = voice.sound?.chunks.slice(-want) ?? [];
    if (chunks.length < want) return null;
    const all = new Float32Array(want * 4800);
    chunks.forEach((c, i) => all.set(c.left, i * 4800));
    return e2e.base64(all);
  }

  window.e2eRoom = {
    told, history, peers, members, state, samples, pcm,
    me: () => told.findLast(m => m.type === 'welcome')?.me ?? '',
    voices: () => [...document.querySelectorAll('audio[data-voice]')].map(a => a.dataset.voice).sort(),
    // forget makes samples and pcm begin anew.
    forget(userID) {
      samples(userID).length = 0;
      if (voices.get(userID)?.sound) voices.get(userID).sound.chunks.length = 0;
    },
    forgetEvents() { told.length = history.length = 0; },
  };
})();

/** What video-service shows, as a function of what it knows. */
const recording = require('../call/recording')
const words = require('./words')

const IN_LINE = ['waiting', 'ringing']
const PAUSED = ['held', 'transferring']

/** What is shown before anything is known. */
function nothing() {
  return {
    screen: '', phase: '', placing: false, queueName: '', queueState: '', queueNote: '', over: '', headline: '', place: '', expected: '', notice: '',
    waited: '', reconnecting: false, who: '', others: '', timer: '', endText: '', unreadText: '', recording: null, lines: [], unread: 0, alone: true, answered: false,
    endReason: '', ended: '', lasted: '', starTexts: [], refusedCode: '', refusedTitle: '', refusedText: '', offersCallback: false, callbackDone: false,
    callbackFailed: false, ratingDone: false, ratingFailed: false, sending: false, chatting: false, messageFailed: false, problem: null
  }
}

/** known: t, lang, call, refusal, lost, room, queue, placing, now, read, people, and callback, whether call-backs can be asked for. */
function of(known) {
  const call = known.call
  if (call && call.state === 'ended') return endedScreen(known, call)
  if (call) return callScreen(known, call)
  if (known.refusal) return refusedScreen(known)
  return startScreen(known)
}

function startScreen(known) {
  const t = known.t
  const queue = known.queue || {}
  const next = { screen: 'start', phase: '', placing: !!known.placing, queueName: queue.name || '', queueState: '', queueNote: '', alone: true, over: '' }
  if (queue.missing) {
    next.queueNote = t.noQueue
  } else if (queue.queue) {
    next.queueState = !queue.open ? 'shut' : queue.full ? 'busyLine' : 'open'
    next.queueNote = [queue.message, !queue.open && queue.opensAt ? words.opens(t, queue.opensAt) : ''].filter(Boolean).join(' ')
    if (queue.open && !queue.message && queue.waiting) next.queueNote = words.fill(t.inLine, { n: queue.waiting })
  }
  return next
}

function callScreen(known, call) {
  const t = known.t
  const inLine = IN_LINE.indexOf(call.state) >= 0
  const paused = PAUSED.indexOf(call.state) >= 0
  const agent = call.agent || {}
  const others = known.people.filter(function (person) { return person.userID !== agent.userID }).map(function (person) { return person.nickName })
  const lines = known.room.messages.map(function (said) {
    return { id: said.seq, mine: said.from === known.room.userID, from: said.nickName || said.from || '', text: said.text }
  })
  const unread = lines.filter(function (line) { return !line.mine && line.id > known.read }).length
  const next = {
    screen: 'call', phase: call.state, placing: false, queueName: call.queueName, over: inLine ? 'queue' : paused ? 'hold' : '', headline: '', place: '',
    expected: '', notice: call.notice || '', waited: '', reconnecting: known.lost, lines: lines, unread: unread, alone: !known.people.length,
    unreadText: unread ? t.chat + ': ' + words.fill(t.unread, { n: unread }) : t.chat, recording: recording(known.room.recording, known.lang),
    who: call.state === 'answered' ? words.fill(t.with, { name: agent.nickName || '' }) : call.queueName,
    others: call.state === 'answered' && others.length ? words.fill(t.others, { names: others.join(known.lang === 'zh' ? '、' : ', ') }) : '',
    timer: call.answeredAt ? words.elapsed(known.now - words.parse(call.answeredAt)) : '', endText: inLine ? t.cancel : t.hangup
  }
  if (inLine) {
    next.headline = call.state === 'ringing' ? t.ringing : call.position <= 1 ? t.next : t.waiting
    next.place = call.position > 1 ? words.fill(t.position, { position: call.position }) : ''
    next.expected = call.state === 'waiting' ? words.wait(t, call.expectedWait) : ''
    next.waited = words.fill(t.waited, { time: words.elapsed(known.now - words.parse(call.createdAt)) })
  } else if (paused) {
    next.headline = call.state === 'held' ? t.held : t.transferring
  }
  return next
}

function endedScreen(known, call) {
  const t = known.t
  const answered = !!call.answeredAt && call.reason !== 'replaced'
  const reason = t['reason.' + call.reason] || t['reason.completed']
  const lasted = answered && call.endedAt ? words.fill(t.lasted, { time: words.elapsed(words.parse(call.endedAt) - words.parse(call.answeredAt)) }) : ''
  return {
    screen: 'ended', phase: 'ended', over: '', recording: null, reconnecting: false, answered: answered, endReason: call.reason || 'completed',
    ended: answered ? t.thanks : reason, lasted: answered ? reason + ' ' + lasted : '', timer: '',
    starTexts: [1, 2, 3, 4, 5].map(function (n) { return words.fill(t.star, { n: n }) })
  }
}

function refusedScreen(known) {
  const t = known.t
  const refusal = known.refusal
  const queue = refusal.queue || {}
  const titles = { queue_closed: t.closed, queue_full: t.full }
  return {
    screen: 'refused', phase: '', placing: !!known.placing, refusedCode: refusal.code, refusedTitle: titles[refusal.code] || t.refused,
    refusedText: [reasonOf(t, refusal), queue.opensAt ? words.opens(t, queue.opensAt) : ''].filter(Boolean).join(' '),
    offersCallback: !!queue.callback && known.callback
  }
}

function reasonOf(t, refusal) {
  if (refusal.queue) return refusal.queue.message || ''
  if (refusal.code === 'unreachable') return t.unreachable
  if (refusal.code === 'busy') return t.otherCall
  if (refusal.status === 401 || refusal.status === 403) return t.unauthorized
  return refusal.status === 404 ? t.noQueue : refusal.message || t.failed
}

/** Of what is to be shown, what is not shown yet. */
function changes(shown, next) {
  const changed = {}
  Object.keys(next).forEach(function (name) { if (!same(shown[name], next[name])) changed[name] = next[name] })
  return changed
}

function same(one, other) {
  return one === other || (!!one && !!other && typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other))
}

/** The number of the last message that has been said. */
function newest(room) {
  return room.messages.length ? room.messages[room.messages.length - 1].seq : 0
}

module.exports = { nothing: nothing, of: of, changes: changes, newest: newest }

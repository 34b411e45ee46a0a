/** Those in a call whom its caller plays, as the screen has them. */

/** Where the first small tile begins, and how far the next one is from it, in rpx. */
const FIRST = 24
const NEXT = 262

/**
 * The tiles of a room, from those there were: who has a stream, the agent in front. make(member) gives what a new tile begins
 * with. A tile keeps its address while its member's stream is the same, so that its player goes on.
 */
function tiles(before, room, agentID, make) {
  const here = room.members.filter(function (member) {
    return member.userID !== room.userID && member.role !== 'audience' && member.publishing
  })
  const front = here.some(function (member) { return member.userID === agentID }) ? agentID : (here[0] || {}).userID
  let small = 0
  return here.map(function (member) {
    const old = before.find(function (tile) { return tile.userID === member.userID && tile.stream === member.stream })
    const isFront = member.userID === front
    return Object.assign({}, old || make(member), {
      userID: member.userID, nickName: member.nickName || member.userID, stream: member.stream, pictureOff: !!member.videoMuted,
      soundOff: !!member.audioMuted, front: isFront, top: isFront ? 0 : FIRST + NEXT * small++
    })
  })
}

/** What the players have told since the last report, as the desk takes it: [{userID, fps, freezes, ...}]. */
function Watcher() {
  this.seen = {}
}

/** info is what a player's netstatus tells, once a second or so. */
Watcher.prototype.status = function (userID, info) {
  const leg = this.of(userID)
  if (info.videoFPS >= 0) leg.fps = info.videoFPS
  if (info.videoBitrate >= 0 || info.audioBitrate >= 0) leg.bitrateIn = ((info.videoBitrate || 0) + (info.audioBitrate || 0)) * 1000
  if (info.audioCache >= 0) leg.bufferMs = info.audioCache
}

/** A picture stood still. How long is not told: half a second is when the player begins to say so. */
Watcher.prototype.lag = function (userID) {
  const leg = this.of(userID)
  leg.freezes++
  leg.freezeMs += 500
}

Watcher.prototype.of = function (userID) {
  this.seen[userID] = this.seen[userID] || { userID: userID, freezes: 0, freezeMs: 0 }
  return this.seen[userID]
}

Watcher.prototype.report = function () {
  const seen = this.seen
  this.seen = {}
  return Object.keys(seen).map(function (userID) { return seen[userID] })
}

module.exports = { tiles: tiles, Watcher: Watcher }

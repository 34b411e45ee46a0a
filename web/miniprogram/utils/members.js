/**
 * The slots of a component, in which the others are shown: `{userID, accelerateURL, loading, playerContext}`, or `{}` where
 * nobody is. Every function gives new slots and leaves the old ones as they are.
 */

function empty(count) {
  const slots = []
  for (let i = 0; i < count; i++) slots.push({})
  return slots
}

/** As many slots as count, with those who are in the old ones in their order. */
function resize(slots, count) {
  const kept = slots.filter(function (slot) { return slot.userID })
  return slots.length === count ? slots : kept.concat(empty(count)).slice(0, count)
}

/** Puts newcomers, made by make(member), into the first empty slots; who is in a slot already stays as they are. */
function add(slots, members, make) {
  const next = slots.slice()
  members.forEach(function (member) {
    const there = next.some(function (slot) { return slot.userID === member.userID })
    const free = next.findIndex(function (slot) { return !slot.userID })
    if (!there && free >= 0) next[free] = make(member)
  })
  return next
}

/** Empties the slots of whom gone(userID) says so. */
function remove(slots, gone) {
  return slots.map(function (slot) { return slot.userID && gone(slot.userID) ? {} : slot })
}

/** Changes something of one member's slot. */
function change(slots, userID, what) {
  return slots.map(function (slot) { return slot.userID === userID ? Object.assign({}, slot, what) : slot })
}

function find(slots, userID) {
  return slots.find(function (slot) { return slot.userID === userID })
}

module.exports = { empty: empty, resize: resize, add: add, remove: remove, change: change, find: find }

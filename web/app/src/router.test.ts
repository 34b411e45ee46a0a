import { describe, expect, it } from 'vitest'
import { addressesOf } from './addresses'
import { accessFrom, whepPath } from './api/client'
import { hueOf, initials, newUserID, suggestRoom } from './names'
import { hrefTo, isRoomID, isSegment, parseRoute } from './router'

describe('parseRoute', () => {
  it.each([
    ['', 'streams', ''],
    ['#/', 'streams', ''],
    ['#/nonsense/live/a', 'streams', ''],
    ['#/watch/live/alice', 'watch', 'live/alice'],
    ['#/watch/live/alice/', 'watch', 'live/alice'],
    ['#/watch/live/alice?via=flv', 'watch', 'live/alice'],
    ['#/watch/live', 'streams', ''],
    ['#/watch/live/../x', 'streams', ''],
    ['#/watch/live/a%2Fb', 'streams', ''],
    ['#/watch/live/%', 'streams', ''],
    ['#/publish', 'publish', ''],
    ['#/publish/live/alice', 'publish', 'live/alice'],
    ['#/call?me=alice&peer=phone', 'call', ''],
  ])('reads %s', (hash, view, stream) => {
    expect(parseRoute(hash)).toMatchObject({ view, stream })
  })

  it.each([
    ['#/room/482-117-905', 'room', '482-117-905'],
    ['#/room/r42?name=Alice&token=x.y.z', 'room', 'r42'],
    ['#/room', 'streams', ''],
    ['#/room/a/b', 'streams', ''],
    ['#/room/a.b', 'streams', ''],
    [`#/room/${'a'.repeat(49)}`, 'streams', ''],
  ])('reads %s', (hash, view, room) => {
    expect(parseRoute(hash)).toMatchObject({ view, room, stream: '' })
  })

  it('reads the query', () => {
    expect(parseRoute('#/call?me=alice&peer=phone').query).toEqual({ me: 'alice', peer: 'phone' })
  })

  it('reads back what hrefTo wrote', () => {
    expect(hrefTo('streams')).toBe('#/')
    expect(parseRoute(hrefTo('watch', 'live/a_b-1', { via: 'flv' }))).toEqual({ view: 'watch', stream: 'live/a_b-1', room: '', query: { via: 'flv' } })
    expect(parseRoute(hrefTo('room', '482-117-905'))).toMatchObject({ view: 'room', room: '482-117-905' })
  })
})

describe('isSegment', () => {
  it.each([['alice', true], ['r42_alice-1', true], ['', false], ['a.b', false], ['a/b', false], ['名', false], ['a b', false]])('of %s is %s', (name, ok) => {
    expect(isSegment(name)).toBe(ok)
  })
})

describe('names of people', () => {
  it.each([
    ['Alice Bower', 'AB'],
    ['alice', 'A'],
    ['王小明', '小明'],
    ['web-k3f9x', 'WK'],
    ['  ', '?'],
    ['😀 Smile', '😀S'],
  ])('%s is %s', (name, short) => expect(initials(name)).toBe(short))

  it('have a colour each', () => {
    expect(hueOf('alice')).toBe(hueOf('alice'))
    expect(new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((n) => hueOf(n))).size).toBeGreaterThan(4)
  })

  it('are made up where there are none', () => {
    expect(suggestRoom(() => 0.4829)).toBe('482-482-482')
    expect(isRoomID(suggestRoom())).toBe(true)
    expect(isRoomID(newUserID('web'))).toBe(true)
  })
})

describe('access', () => {
  it('takes credentials along and nothing else', () => {
    const access = accessFrom({ txTime: '5C271099', txSecret: 'f85a', via: 'flv', me: 'alice' })
    expect(whepPath('live/test', access)).toBe('whep/live/test?txTime=5C271099&txSecret=f85a')
    expect(whepPath('live/test')).toBe('whep/live/test')
  })
})

describe('addressesOf', () => {
  const settings = { version: '', auth: 'open', iceServers: [], rtmp: 'rtmp://127.0.0.1:1935', http: 'http://127.0.0.1:8080' }

  it('replaces a loopback host by the one the page came from', () => {
    expect(addressesOf('live/a', settings, 'http://192.168.1.20:8080/#/')).toEqual({
      rtmp: 'rtmp://192.168.1.20:1935/live/a',
      flv: 'http://192.168.1.20:8080/live/a.flv',
      whep: 'http://192.168.1.20:8080/whep/live/a',
      page: 'http://192.168.1.20:8080/#/watch/live/a',
    })
  })

  it('believes a gateway that knows its public name', () => {
    const known = { ...settings, rtmp: 'rtmp://rtc.example.com', http: 'https://rtc.example.com/' }
    expect(addressesOf('live/a', known, 'http://10.0.0.1:8080/')).toMatchObject({
      rtmp: 'rtmp://rtc.example.com/live/a',
      flv: 'https://rtc.example.com/live/a.flv',
    })
  })
})

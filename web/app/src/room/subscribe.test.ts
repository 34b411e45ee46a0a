import { describe, expect, it } from 'vitest'
import { layersFor } from './publish'
import { mediaOf, type RoomMedia } from './subscribe'

const track = (name: string, readyState = 'live') => ({ id: name, readyState }) as unknown as MediaStreamTrack
const none: RoomMedia = new Map()

describe('mediaOf', () => {
  const [a, v, a2, v2] = ['a', 'v', 'a2', 'v2'].map((name) => track(name))
  const byMid = new Map([['0', a!], ['1', v!], ['2', a2!], ['3', v2!]])
  const bob = [
    { mid: '0', userID: 'bob', kind: 'audio' as const },
    { mid: '1', userID: 'bob', kind: 'video' as const },
  ]

  it('gives everybody their tracks', () => {
    const media = mediaOf([...bob, { mid: '3', userID: 'eve', kind: 'video' }], byMid, none)
    expect(media.get('bob')).toEqual({ audio: a, video: v, mids: { audio: '0', video: '1' } })
    expect(media.get('eve')).toEqual({ audio: null, video: v2, mids: { video: '3' } })
  })

  it('follows a section that went over to somebody else', () => {
    const before = mediaOf(bob, byMid, none)
    const after = mediaOf([{ mid: '1', userID: 'eve', kind: 'video' }], byMid, before)
    expect(after.has('bob')).toBe(false)
    expect(after.get('eve')?.video).toBe(v)
  })

  it('keeps the object of who stayed the same', () => {
    const before = mediaOf(bob, byMid, none)
    expect(mediaOf([...bob, { mid: '3', userID: 'eve', kind: 'video' }], byMid, before).get('bob')).toBe(before.get('bob'))
  })

  it('passes over what is not there', () => {
    expect(mediaOf([{ mid: '9', userID: 'bob', kind: 'video' }, { mid: '4', userID: 'bob', kind: 'audio' }], new Map([['4', track('x', 'ended')]]), none).size).toBe(0)
  })
})

describe('layersFor', () => {
  const hd = { width: 1280, height: 720, bitrate: 1_800_000, fps: 30 }

  it('sends a large camera in three sizes, smallest first', () => {
    expect(layersFor(hd, true).map((l) => [l.rid, l.scaleResolutionDownBy])).toEqual([['l', 4], ['m', 2], ['h', 1]])
  })

  it.each([
    ['a small camera', { ...hd, width: 640, height: 480 }, true],
    ['a gateway that takes one', hd, false],
  ])('sends one size from %s', (_, sending, simulcast) => {
    const layers = layersFor(sending, simulcast)
    expect(layers).toHaveLength(1)
    expect(layers[0]?.rid).toBeUndefined()
  })
})

import { describe, expect, it } from 'vitest'
import { SignalSession, type Fetch } from './signal'

interface Call {
  url: string
  method: string
  headers: Record<string, string>
  body: unknown
}

/** A gateway that gives the prepared answers in turn and remembers what it was asked. */
function gateway(...answers: (Response | Error)[]): { calls: Call[]; fetch: Fetch } {
  const calls: Call[] = []
  return {
    calls,
    fetch: async (url, init) => {
      calls.push({ url, method: init.method ?? '', headers: init.headers as Record<string, string>, body: init.body })
      const answer = answers.shift()
      if (!answer) throw new Error('one request too many')
      if (answer instanceof Error) throw answer
      return answer
    },
  }
}

const created = () => new Response('answer', { status: 201, headers: { Location: '/whip/live/alice/7', ETag: '"one"' } })
const never = new AbortController().signal
const open = (g: { fetch: Fetch }, more: object = {}) =>
  SignalSession.open('http://gw/whip/live/alice', 'offer', { fetch: g.fetch, ...more }, never)

describe('SignalSession', () => {
  it('posts the offer and finds its session', async () => {
    const g = gateway(created(), new Response(null, { status: 204 }), new Response(null, { status: 200 }))
    const session = await open(g, { token: 'secret' })
    expect(session.answer).toBe('answer')
    await session.trickle('fragment', never)
    await session.close()
    expect(g.calls).toMatchObject([
      { url: 'http://gw/whip/live/alice', method: 'POST', body: 'offer', headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer secret' } },
      { url: 'http://gw/whip/live/alice/7', method: 'PATCH', body: 'fragment', headers: { 'If-Match': '"one"', 'Content-Type': 'application/trickle-ice-sdpfrag' } },
      { url: 'http://gw/whip/live/alice/7', method: 'DELETE' },
    ])
  })

  it('restarts with If-Match "*" and goes on with the new tag', async () => {
    const restarted = new Response('fresh', { status: 200, headers: { ETag: '"two"' } })
    const g = gateway(created(), restarted, new Response(null, { status: 204 }))
    const session = await open(g)
    expect(await session.restart('fragment', never)).toBe('fresh')
    await session.trickle('more', never)
    expect(g.calls[1]?.headers['If-Match']).toBe('"*"')
    expect(g.calls[2]?.headers['If-Match']).toBe('"two"')
  })

  it('asks a gateway to wait when told so', async () => {
    const g = gateway(created())
    await open(g, { waitSeconds: 8 })
    expect(g.calls[0]?.headers['Prefer']).toBe('wait=8')
  })

  it.each([405, 412, 428, 501])('does without trickle on %i', async (status) => {
    const session = await open(gateway(created(), new Response(null, { status })))
    await expect(session.trickle('fragment', never)).resolves.toBeUndefined()
  })

  it('says why', async () => {
    await expect(open(gateway(new Response('{}', { status: 406 })))).rejects.toMatchObject({ kind: 'no-h264' })
    await expect(open(gateway(new TypeError('Failed to fetch')))).rejects.toMatchObject({ kind: 'server-gone' })
    await expect(open(gateway(new Response('answer', { status: 201 })))).rejects.toMatchObject({ kind: 'unexpected' })
    const session = await open(gateway(created(), new Response('{}', { status: 404 }), new Response(null, { status: 204 })))
    await expect(session.trickle('fragment', never)).rejects.toMatchObject({ kind: 'missing' })
    await expect(session.restart('fragment', never)).rejects.toMatchObject({ kind: 'unexpected' })
  })

  it('closes without a word when the gateway is gone', async () => {
    const session = await open(gateway(created(), new TypeError('Failed to fetch')))
    await expect(session.close()).resolves.toBeUndefined()
  })
})

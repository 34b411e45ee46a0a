import { describe, expect, it } from 'vitest'
import { Problem, problemFromCapture, problemFromResponse, toProblem } from './problem'

const answer = (status: number, body: object | string, headers: Record<string, string> = {}) =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/problem+json', ...headers },
  })

describe('problemFromResponse', () => {
  it.each([
    [404, 'missing'],
    [406, 'no-h264'],
    [409, 'name-in-use'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [503, 'full'],
    [502, 'server-gone'],
    [500, 'unexpected'],
  ])('names status %i %s', async (status, kind) => {
    expect((await problemFromResponse(answer(status, {}))).kind).toBe(kind)
  })

  it('tells a bad name from a bad offer', async () => {
    expect((await problemFromResponse(answer(400, { title: 'Bad stream name' }))).kind).toBe('bad-name')
    expect((await problemFromResponse(answer(400, { title: 'Bad offer' }))).kind).toBe('unexpected')
  })

  it("keeps the gateway's own words, whichever body they come in", async () => {
    expect((await problemFromResponse(answer(404, { title: 'x', detail: 'live/bob is not live' }))).detail).toBe('live/bob is not live')
    expect((await problemFromResponse(answer(404, { error: { code: 'a', message: 'no such thing' } }))).detail).toBe('no such thing')
    expect((await problemFromResponse(answer(500, 'it broke\n'))).detail).toBe('it broke')
    expect((await problemFromResponse(answer(502, '<html>', { 'Content-Type': 'text/html' }))).detail).toBe('')
    expect((await problemFromResponse(answer(404, '{', { 'Content-Type': 'application/json' }))).kind).toBe('missing')
  })

  it('obeys Retry-After, within reason', async () => {
    expect((await problemFromResponse(answer(503, {}, { 'Retry-After': '2' }))).retryAfterMs).toBe(2000)
    expect((await problemFromResponse(answer(503, {}, { 'Retry-After': '86400' }))).retryAfterMs).toBe(60_000)
    expect((await problemFromResponse(answer(503, {}, { 'Retry-After': 'soon' }))).retryAfterMs).toBe(0)
  })
})

const exception = (name: string) => Object.assign(new Error('words'), { name })

describe('problemFromCapture', () => {
  it.each([
    ['NotAllowedError', 'camera', 'denied'],
    ['NotAllowedError', 'screen', 'dismissed'],
    ['NotFoundError', 'camera', 'no-device'],
    ['NotReadableError', 'camera', 'device-busy'],
    ['SecurityError', 'camera', 'insecure'],
    ['SomethingNew', 'camera', 'unexpected'],
  ] as const)('names %s of the %s %s', (name, source, kind) => {
    expect(problemFromCapture(exception(name), source).kind).toBe(kind)
  })

  it('lets a problem through', () => {
    const problem = new Problem('insecure')
    expect(problemFromCapture(problem, 'camera')).toBe(problem)
  })
})

describe('toProblem', () => {
  it('takes what fetch throws as an absent gateway', () => {
    expect(toProblem(new TypeError('Failed to fetch')).kind).toBe('server-gone')
    expect(toProblem('odd').kind).toBe('unexpected')
  })
})

import { describe, expect, it } from 'vitest'
import { arrange, fitOf, gridFor, type Picture, type Rect } from './layout'

const many = (count: number, aspect = 4 / 3): Picture[] => Array.from({ length: count }, (_, i) => ({ id: `u${i}`, aspect }))
const desk = { width: 1280, height: 660, gap: 10 }
const phone = { width: 374, height: 620, gap: 8 }

const inside = (r: Rect, area: { width: number; height: number }) =>
  r.x >= -0.01 && r.y >= -0.01 && r.x + r.width <= area.width + 0.01 && r.y + r.height <= area.height + 0.01
const apart = (a: Rect, b: Rect) =>
  a.x + a.width <= b.x + 0.01 || b.x + b.width <= a.x + 0.01 || a.y + a.height <= b.y + 0.01 || b.y + b.height <= a.y + 0.01

describe('gridFor', () => {
  it.each([
    [2, desk, 2],
    [4, desk, 2],
    [9, desk, 3],
    [12, desk, 4],
    [2, phone, 1],
    [4, phone, 2],
    [8, phone, 2],
  ])('puts %i on %o in %i columns', (count, area, columns) => {
    expect(gridFor(many(count), area).columns).toBe(columns)
  })

  it('puts sixteen wide pictures in a square', () => {
    expect(gridFor(many(16, 16 / 9), desk).columns).toBe(4)
  })

  it('gives portrait pictures narrow tiles', () => {
    const { width, height, columns } = gridFor(many(3, 9 / 16), desk)
    expect(columns).toBe(3)
    expect(width / height).toBeLessThan(1)
  })
})

describe('arrange', () => {
  const cases = [desk, phone, { width: 900, height: 900, gap: 8 }, { width: 300, height: 200, gap: 8 }]

  it('keeps 1 to 16 tiles inside and apart, in a grid and with a spotlight', () => {
    for (const area of cases) {
      for (let count = 1; count <= 16; count++) {
        const pictures = many(count).map((p, i) => ({ ...p, aspect: i % 3 === 0 ? 9 / 16 : p.aspect }))
        for (const spotlight of [null, 'u1']) {
          const rects = [...arrange(pictures, area, { spotlight }).values()]
          expect(rects).toHaveLength(count)
          for (const [i, rect] of rects.entries()) {
            expect(rect.width, `${count} in ${area.width}`).toBeGreaterThan(20)
            expect(inside(rect, area), `${count} in ${area.width}`).toBe(true)
            for (const other of rects.slice(i + 1)) expect(apart(rect, other), `${count} in ${area.width}`).toBe(true)
          }
        }
      }
    }
  })

  it('leaves no tile alone in a long column', () => {
    const pictures = many(5, 16 / 9).map((p, i) => (i === 2 ? { ...p, aspect: 9 / 16 } : p))
    const used = [...arrange(pictures, { width: 378, height: 700, gap: 6 }).values()].reduce((sum, r) => sum + r.width * r.height, 0)
    expect(used / (378 * 700)).toBeGreaterThan(0.7)
  })

  it('fills most of the area', () => {
    for (const count of [1, 2, 4, 6, 9, 12, 16]) {
      const used = [...arrange(many(count), desk).values()].reduce((sum, r) => sum + r.width * r.height, 0)
      expect(used / (desk.width * desk.height), `${count}`).toBeGreaterThan(0.7)
    }
  })

  it('gives a phone among cameras a tile of its own shape', () => {
    const rects = arrange([...many(2, 16 / 9), { id: 'phone', aspect: 9 / 16 }], desk)
    const phoneTile = rects.get('phone')!
    expect(phoneTile.width / phoneTile.height).toBeLessThan(0.8)
    expect(rects.get('u0')!.width / rects.get('u0')!.height).toBeGreaterThan(1.3)
  })

  it('centres the last row', () => {
    const last = arrange(many(5), desk).get('u4')!
    const before = arrange(many(5), desk).get('u3')!
    expect((before.x + last.x + last.width) / 2).toBeCloseTo(desk.width / 2)
  })

  it('puts me in the corner of the one other person', () => {
    const rects = arrange(many(2), desk, { self: 'u0' })
    expect(rects.get('u1')).toMatchObject({ x: 0, y: 0, width: desk.width, height: desk.height })
    expect(rects.get('u0')!.width).toBeLessThan(300)
    expect(inside(rects.get('u0')!, desk)).toBe(true)
  })

  it('makes the spotlight the largest', () => {
    for (const area of cases) {
      const rects = arrange(many(9), area, { spotlight: 'u3' })
      const main = rects.get('u3')!
      for (const [id, r] of rects) if (id !== 'u3') expect(r.width * r.height).toBeLessThan(main.width * main.height)
    }
  })

  it('has nothing to place on nothing', () => {
    expect(arrange([], desk).size).toBe(0)
    expect(arrange(many(2), { width: 0, height: 0, gap: 8 }).size).toBe(0)
  })
})

describe('fitOf', () => {
  it.each([
    [{ aspect: 4 / 3 }, 16 / 9, 'cover'],
    [{ aspect: 9 / 16 }, 16 / 9, 'contain'],
    [{ aspect: 9 / 16 }, 3 / 4, 'cover'],
    [{ aspect: 9 / 16 }, 1, 'contain'],
    [{ aspect: 16 / 9 }, 1, 'cover'],
    [{ aspect: 16 / 9, whole: true }, 16 / 10, 'contain'],
  ] as const)('of %o in %f is %s', (picture, tile, fit) => {
    expect(fitOf(picture, tile)).toBe(fit)
  })
})

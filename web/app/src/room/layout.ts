/** Where the tiles of a room go. Pure geometry: sizes in CSS pixels, aspect is width by height. */

export interface Picture {
  id: string
  aspect: number
  /** A screen is read: never cropped. */
  whole?: boolean
}

export interface Rect {
  x: number
  y: number
  width: number
  height: number
}

export interface Area {
  width: number
  height: number
  gap: number
}

/** How much may be cut off so that a picture fills its tile: at the sides more than above and below, where heads are. */
const mostCrop = { sides: 0.45, ends: 0.3 }

/** The share of a picture that is lost when it fills a tile of another shape. */
const cropOf = (picture: number, tile: number) => 1 - Math.min(picture / tile, tile / picture)

/** Whether a picture fills its tile or is shown whole within it. */
export function fitOf(picture: Pick<Picture, 'aspect' | 'whole'>, tile: number): 'cover' | 'contain' {
  const most = picture.aspect > tile ? mostCrop.sides : mostCrop.ends
  return !picture.whole && cropOf(picture.aspect, tile) <= most ? 'cover' : 'contain'
}

/** What a tile shows of its picture, as a share of the tile: bars waste area, the cut-off edges around a face less. */
function worth(picture: Picture, tile: number): number {
  const crop = cropOf(picture.aspect, tile)
  if (fitOf(picture, tile) === 'contain') return 1 - crop
  return 1 - crop * (picture.aspect > tile ? 0.4 : 0.7)
}

/** Somebody made small weighs more than somebody made large. */
const fair = (area: number) => area ** 0.7

export interface Grid {
  columns: number
  width: number
  height: number
  /** How well it shows all, for comparing. */
  score: number
}

const shapes = [16 / 9, 4 / 3, 1, 3 / 4, 9 / 16]

/** Columns and tile size that show most of all the pictures. Tiles are of one size, so that nobody is made small. */
export function gridFor(pictures: readonly Picture[], area: Area): Grid {
  let best: Grid = { columns: 1, width: 0, height: 0, score: -1 }
  for (let columns = 1; columns <= pictures.length; columns++) {
    const rows = Math.ceil(pictures.length / columns)
    const cellWidth = (area.width - area.gap * (columns - 1)) / columns
    const cellHeight = (area.height - area.gap * (rows - 1)) / rows
    if (cellWidth <= 0 || cellHeight <= 0) continue
    const own = Math.min(16 / 9, Math.max(9 / 16, cellWidth / cellHeight))
    for (const shape of [own, ...shapes]) {
      const width = Math.min(cellWidth, cellHeight * shape)
      const height = width / shape
      const score = pictures.reduce((sum, p) => sum + fair(width * height * worth(p, shape)), 0)
      if (score > best.score * 1.001) best = { columns, width, height, score }
    }
  }
  return best
}

function placeGrid(pictures: readonly Picture[], area: Area, at: { x: number; y: number }): [string, Rect][] {
  const { columns, width, height } = gridFor(pictures, area)
  const rows = Math.ceil(pictures.length / columns)
  const top = at.y + (area.height - rows * height - (rows - 1) * area.gap) / 2
  return pictures.map(({ id }, i) => {
    const row = Math.floor(i / columns)
    const inRow = row === rows - 1 ? pictures.length - row * columns : columns
    const left = at.x + (area.width - inRow * width - (inRow - 1) * area.gap) / 2
    return [id, { x: left + (i % columns) * (width + area.gap), y: top + row * (height + area.gap), width, height }]
  })
}

/** Worth a second shape of tile: less than this and one calm grid is better. */
const splitGain = 1.03
/** Each grid has to fill its part of the stage so far along it: one small tile in a long empty column looks lost. */
const splitFill = 0.6
/** Nor may one shape's tiles outgrow the other's by more than this. */
const splitRatio = 2.4

/** Phones held upright and cameras side by side, or above each other, each in a grid of their own shape. */
function placeMixed(pictures: readonly Picture[], area: Area): [string, Rect][] {
  const upright = pictures.filter((p) => p.aspect < 0.9)
  const lying = pictures.filter((p) => p.aspect >= 0.9)
  const all: Rect = { x: 0, y: 0, width: area.width, height: area.height }
  let best = { score: gridFor(pictures, area).score * splitGain, parts: [{ pictures, rect: all }] }
  if (upright.length > 0 && lying.length > 0) {
    for (let share = 0.1; share < 0.9; share += 0.02) {
      for (const parts of [beside(lying, upright, area, share), above(lying, upright, area, share)]) {
        const grids = parts.map((part) => gridFor(part.pictures, { ...part.rect, gap: area.gap }))
        const score = grids.reduce((sum, grid) => sum + grid.score, 0)
        const areas = grids.map((grid) => grid.width * grid.height)
        const full = parts.every(({ pictures: some, rect }, i) => filled(some, grids[i]!, rect, area) >= splitFill)
        if (score > best.score && full && Math.max(...areas) <= splitRatio * Math.min(...areas)) best = { score, parts }
      }
    }
  }
  return best.parts.flatMap(({ pictures: some, rect }) => placeGrid(some, { ...rect, gap: area.gap }, rect))
}

/** How much of the length that its part shares with the whole stage a grid takes. */
function filled(pictures: readonly Picture[], { columns, width, height }: Grid, rect: Rect, area: Area): number {
  const rows = Math.ceil(pictures.length / columns)
  const tall = (rows * height + (rows - 1) * area.gap) / area.height
  const wide = (columns * width + (columns - 1) * area.gap) / area.width
  return rect.height > area.height - 1 ? tall : wide
}

interface Part {
  pictures: readonly Picture[]
  rect: Rect
}

/** Both grids drawn together in the middle, so that what neither needs is left at the edges. */
function beside(a: readonly Picture[], b: readonly Picture[], { width, height, gap }: Area, share: number): Part[] {
  const most = (width - gap) * share
  const used = [widthOf(a, { width: most, height, gap }), widthOf(b, { width: width - gap - most, height, gap })] as const
  const x = (width - used[0] - used[1] - gap) / 2
  return [
    { pictures: a, rect: { x, y: 0, width: used[0], height } },
    { pictures: b, rect: { x: x + used[0] + gap, y: 0, width: used[1], height } },
  ]
}

function above(a: readonly Picture[], b: readonly Picture[], { width, height, gap }: Area, share: number): Part[] {
  const first = (height - gap) * share
  return [
    { pictures: a, rect: { x: 0, y: 0, width, height: first } },
    { pictures: b, rect: { x: 0, y: first + gap, width, height: height - gap - first } },
  ]
}

function widthOf(pictures: readonly Picture[], area: Area): number {
  const { columns, width } = gridFor(pictures, area)
  return columns * width + (columns - 1) * area.gap
}

/** One picture large, the others in a strip beside it or, on a tall screen, below it. */
function placeSpotlight(main: Picture, others: readonly Picture[], area: Area): [string, Rect][] {
  const { width, height, gap } = area
  if (others.length === 0) return [[main.id, { x: 0, y: 0, width, height }]]
  const wide = width / height > 1.15
  const lanes = others.length > 6 ? 2 : 1
  const strip = wide ? Math.min(width * 0.3, clamp(width * 0.19, 120, 250) * (lanes === 2 ? 1.35 : 1)) : Math.min(height * 0.34, clamp(height * 0.18, 90, 190) * lanes)
  const room = wide ? { width: width - strip - gap, height } : { width, height: height - strip - gap }
  const side = wide ? { width: strip, height, gap } : { width, height: strip, gap }
  const at = wide ? { x: width - strip, y: 0 } : { x: 0, y: height - strip }
  return [[main.id, { x: 0, y: 0, ...room }], ...placeGrid(others, side, at)]
}

/** My own picture in the corner of the other's: a call of two. */
function placeCorner(main: Picture, self: Picture, area: Area): [string, Rect][] {
  const { width, height, gap } = area
  const aspect = clamp(self.aspect, 9 / 16, 16 / 9)
  const most = { width: clamp(width * 0.24, 124, 280), height: clamp(height * 0.3, 96, 200) }
  const own = Math.min(most.width, most.height * aspect)
  const size = { width: own, height: own / aspect }
  const edge = Math.max(gap, 12)
  return [
    [main.id, { x: 0, y: 0, width, height }],
    [self.id, { x: width - size.width - edge, y: height - size.height - edge, ...size }],
  ]
}

export interface Arrangement {
  /** Who is shown large, if anybody. */
  spotlight?: string | null
  /** Who looks at the page: with one other person their own picture moves to the corner. */
  self?: string | null
}

/** The place of every tile. */
export function arrange(pictures: readonly Picture[], area: Area, { spotlight, self }: Arrangement = {}): Map<string, Rect> {
  if (pictures.length === 0 || area.width <= 0 || area.height <= 0) return new Map()
  const mine = pictures.find((p) => p.id === self)
  const main = pictures.find((p) => p.id === spotlight)
  const others = pictures.filter((p) => p !== mine)
  const [only] = others
  if (mine && only && others.length === 1 && main !== mine) return new Map(placeCorner(only, mine, area))
  if (main) return new Map(placeSpotlight(main, pictures.filter((p) => p !== main), area))
  if (pictures.length === 1) return new Map(placeSpotlight(pictures[0]!, [], area))
  return new Map(placeMixed(pictures, area))
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))

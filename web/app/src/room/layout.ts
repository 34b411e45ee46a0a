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

/** How much of a picture may be cut off so that it fills its tile. */
const mostCrop = 0.45

/** The share of a picture that is lost when it fills a tile of another shape. */
const cropOf = (picture: number, tile: number) => 1 - Math.min(picture / tile, tile / picture)

/** Whether a picture fills its tile or is shown whole within it. */
export function fitOf(picture: Pick<Picture, 'aspect' | 'whole'>, tile: number): 'cover' | 'contain' {
  return !picture.whole && cropOf(picture.aspect, tile) <= mostCrop ? 'cover' : 'contain'
}

/** What a tile shows of its picture, as a share of the tile: bars waste area, the cut-off edges around a face much less. */
function worth(picture: Picture, tile: number): number {
  const crop = cropOf(picture.aspect, tile)
  return fitOf(picture, tile) === 'cover' ? 1 - 0.4 * crop : 1 - crop
}

export interface Grid {
  columns: number
  width: number
  height: number
}

const shapes = [16 / 9, 4 / 3, 1, 3 / 4, 9 / 16]

/** Columns and tile size that show most of all the pictures. Tiles are of one size, so that nobody is made small. */
export function gridFor(pictures: readonly Picture[], area: Area): Grid {
  let best: Grid & { score: number } = { columns: 1, width: 0, height: 0, score: -1 }
  for (let columns = 1; columns <= pictures.length; columns++) {
    const rows = Math.ceil(pictures.length / columns)
    const cellWidth = (area.width - area.gap * (columns - 1)) / columns
    const cellHeight = (area.height - area.gap * (rows - 1)) / rows
    if (cellWidth <= 0 || cellHeight <= 0) continue
    const own = Math.min(16 / 9, Math.max(9 / 16, cellWidth / cellHeight))
    for (const shape of [own, ...shapes]) {
      const width = Math.min(cellWidth, cellHeight * shape)
      const height = width / shape
      const score = width * height * pictures.reduce((sum, p) => sum + worth(p, shape), 0)
      if (score > best.score * 1.001) best = { columns, width, height, score }
    }
  }
  return { columns: best.columns, width: best.width, height: best.height }
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
  const most = { width: clamp(width * 0.24, 96, 280), height: clamp(height * 0.3, 96, 200) }
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
  return new Map(placeGrid(pictures, area, { x: 0, y: 0 }))
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))

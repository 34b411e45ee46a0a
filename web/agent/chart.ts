/** Arithmetic of charts: plain SVG needs no library. */

export interface Point {
  at: number
  value: number
}

/** A path through points, broken where a value is missing. x and y map to pixels. */
export function pathOf(points: readonly (Point | null)[], x: (at: number) => number, y: (value: number) => number): string {
  let path = ''
  let pen = false
  for (const p of points) {
    if (!p) pen = false
    else {
      path += `${pen ? 'L' : 'M'}${x(p.at).toFixed(1)} ${y(p.value).toFixed(1)}`
      pen = true
    }
  }
  return path
}

/** A round number not below the greatest value, for the top of an axis. */
export function topOf(values: readonly number[], least = 1): number {
  const most = Math.max(least, ...values)
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= most * 0.999) ?? most
}

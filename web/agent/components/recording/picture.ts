/** A still of the whole stage: each side as it is shown, its name, and the time. Null while nothing is shown. */
export async function pictureOf(stage: HTMLElement, time: string): Promise<Blob | null> {
  const box = stage.getBoundingClientRect()
  const videos = [...stage.querySelectorAll('video')].filter((v) => v.videoWidth > 0 && v.offsetParent !== null)
  if (videos.length === 0 || box.width === 0) return null
  // As large as the largest picture needs to keep its own pixels.
  const scale = Math.min(4, Math.max(1, ...videos.map((v) => v.videoWidth / Math.max(1, v.getBoundingClientRect().width))))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(box.width * scale)
  canvas.height = Math.round(box.height * scale)
  const c = canvas.getContext('2d')
  if (!c) return null
  c.scale(scale, scale)
  c.fillStyle = '#0b0c0e'
  c.fillRect(0, 0, box.width, box.height)
  const label = (text: string, x: number, y: number) => {
    c.font = '14px system-ui, sans-serif'
    c.fillStyle = 'rgb(0 0 0 / 62%)'
    c.fillRect(x, y, c.measureText(text).width + 16, 24)
    c.fillStyle = '#fff'
    c.fillText(text, x + 8, y + 17)
  }
  for (const video of videos) {
    const place = video.getBoundingClientRect()
    const fit = Math.min(place.width / video.videoWidth, place.height / video.videoHeight)
    const [w, h] = [video.videoWidth * fit, video.videoHeight * fit]
    const [x, y] = [place.left - box.left + (place.width - w) / 2, place.top - box.top + (place.height - h) / 2]
    c.drawImage(video, x, y, w, h)
    label(video.closest('figure')?.querySelector('strong')?.textContent ?? '', x, y + h - 24)
  }
  label(time, 0, 0)
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'))
}

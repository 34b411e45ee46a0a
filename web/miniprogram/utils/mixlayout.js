/** Where everybody on stage is in the one picture that the audience sees, in pixels of a portrait picture. */
const PICTURE = { width: 360, height: 640 }
const TILE = { width: 120, height: 180, bottom: 60 }

/** A stream's name: the last part of its address, before parameters and extension. */
function streamName(url) {
  return String(url).split('?')[0].split('/').pop().split('.')[0]
}

/**
 * The parameters of merge_stream: the anchor fills the picture, the others are tiles at its right edge, stacked upwards.
 * anchorURL is the anchor's push URL; others are pushers with an accelerateURL.
 */
module.exports = function (account, anchorURL, others) {
  const anchor = streamName(anchorURL)
  const seconds = Math.floor(Date.now() / 1000)
  const inputs = [{ input_stream_id: anchor, layout_params: { image_layer: 1 } }]
  others.forEach(function (pusher, at) {
    inputs.push({
      input_stream_id: streamName(pusher.accelerateURL),
      layout_params: {
        image_layer: at + 2, image_width: TILE.width, image_height: TILE.height,
        location_x: PICTURE.width - TILE.width, location_y: PICTURE.height - TILE.bottom - TILE.height * (at + 1)
      }
    })
  })
  return {
    timestamp: seconds,
    eventId: seconds,
    interface: {
      interfaceName: 'Mix_StreamV2',
      para: {
        app_id: String(account.sdkAppID), interface: 'mix_streamv2.start_mix_stream_advanced', mix_stream_session_id: anchor,
        output_stream_id: anchor, input_stream_list: inputs
      }
    }
  }
}

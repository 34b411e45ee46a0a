const fs = require('fs')

/** Removes the gateway that was built for the tests. */
module.exports = async () => {
  if (process.env.GATEWAY_BINARY_DIRECTORY) fs.rmSync(process.env.GATEWAY_BINARY_DIRECTORY, { recursive: true, force: true })
}

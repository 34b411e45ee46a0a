const fs = require('fs')

/** Removes the gateway that was built for the tests. */
module.exports = async () => {
  if (process.env.HUTONG_BIN_DIRECTORY) fs.rmSync(process.env.HUTONG_BIN_DIRECTORY, { recursive: true, force: true })
}

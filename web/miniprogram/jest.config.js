module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.js'],
  // Phones are processes of their own, with ffmpeg each: one file of tests at a time is enough for a small machine.
  maxWorkers: 1,
  globalSetup: '<rootDir>/test/support/gateway.js',
  globalTeardown: '<rootDir>/test/support/teardown.js',
  // Longer than several waits of support/phones.js, which say what they have waited for.
  testTimeout: 300000
}

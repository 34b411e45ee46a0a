const { Phone } = require('./support/phones')

test('pages compile, and show their faces', async () => {
  const phone = new Phone({ url: 'http://127.0.0.1:9' })
  try {
    await phone.mount('index', 'demo/pages/index/index')
    expect(await phone.do('html', { name: 'index' })).toContain('进入房间')
  } finally {
    await phone.close()
  }
})

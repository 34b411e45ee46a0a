/** The language of the phone: zh or en. */
function ofPhone() {
  let told = ''
  try {
    told = (wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync()).language || ''
  } catch (err) {
    told = ''
  }
  return told && !/^zh/i.test(told) ? 'en' : 'zh'
}

module.exports = { ofPhone: ofPhone }

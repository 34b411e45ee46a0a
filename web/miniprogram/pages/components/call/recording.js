/** What those in a room are told of being recorded: `{state, text, help}`, or null where nothing is. */
const language = require('../../../utils/language')

const WORDS = {
  zh: { on: ['录制中', '正在录制房间里所有人的画面和声音。'], paused: ['录制已暂停', '录制已暂停：此刻的内容不会保存。'] },
  en: {
    on: ['Recording', 'Picture and sound of everybody here are being recorded.'],
    paused: ['Recording paused', 'The recording is paused: nothing is being kept now.']
  }
}

/** state: what the gateway tells, 'on', 'paused' or ''. lang: zh or en, without it the phone's. */
module.exports = function (state, lang) {
  const words = WORDS[lang || language.ofPhone()][state]
  return words ? { state: state, text: words[0], help: words[1] } : null
}

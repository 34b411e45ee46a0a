/** The words of video-service, those of the callers' page in the browser. Both languages have the same keys; a test sees to it. */
const zh = {
  title: '视频客服',
  lead: '与客服人员面对面沟通，双方可以互相看到、听到。',
  open: '服务中',
  shut: '非服务时间',
  busyLine: '线路繁忙',
  inLine: '{n} 人正在排队',
  noQueue: '没有这个客服队列。',
  name: '您的称呼',
  namePlaceholder: '方便我们称呼您',
  call: '立即呼叫',
  calling: '正在呼叫…',
  consent: '摄像头和麦克风仅用于本次通话。',
  noCamera: '摄像头已关闭',
  self: '我',
  micOn: '打开麦克风',
  micOff: '关闭麦克风',
  cameraOn: '打开摄像头',
  cameraOff: '关闭摄像头',
  switchCamera: '切换摄像头',
  waiting: '正在排队',
  next: '下一位就是您',
  position: '您排在第 {position} 位',
  wait: '预计等待约 {time}',
  waitUnknown: '目前没有客服在岗，我们会为您保留位置。',
  waitSoon: '马上就好。',
  minute: '1 分钟',
  minutes: '{n} 分钟',
  waited: '已等待 {time}',
  cancel: '取消呼叫',
  ringing: '正在为您接通客服',
  connecting: '正在连接…',
  with: '正在与{name}通话',
  others: '还有 {names}',
  held: '通话保持中',
  heldHint: '此时对方看不到您，也听不到您。',
  transferring: '正在为您转接',
  hangup: '挂断',
  chat: '消息',
  unread: '{n} 条新消息',
  noMessages: '还没有消息',
  say: '说点什么',
  send: '发送',
  notSent: '消息没有发出，请重试。',
  reconnecting: '网络中断，正在重新连接…',
  suspended: '小程序在后台停留过久，画面和声音已暂停发送。',
  'problem.noCameraRight': '请允许使用摄像头，否则对方看不到您。',
  'problem.noMicrophoneRight': '请允许使用麦克风，否则对方听不到您。',
  'problem.camera': '摄像头无法打开，可能正被其他应用占用。',
  'problem.microphone': '麦克风无法打开，可能正被其他应用占用。',
  'problem.push': '视频发送出错。',
  settings: '去设置',
  retry: '重试',
  thanks: '感谢您的来电',
  lasted: '通话时长 {time}。',
  'reason.completed': '通话已结束。',
  'reason.abandoned': '您在接通前挂断了。',
  'reason.rejected': '目前无法接听您的来电。',
  'reason.timeout': '很抱歉，暂时无人接听。',
  'reason.no_agent': '很抱歉，目前没有客服在岗。',
  'reason.failed': '通话已中断。',
  'reason.replaced': '通话已在另一台设备上继续。',
  rate: '您对本次服务满意吗？',
  star: '{n} 星（共 5 星）',
  comment: '还有什么想说的？（选填）',
  sendRating: '提交',
  rated: '谢谢您的评价。',
  again: '再次呼叫',
  close: '关闭',
  closed: '现在不在服务时间',
  full: '目前线路全忙',
  opens: '下次服务时间：{time}。',
  weekdays: '周日,周一,周二,周三,周四,周五,周六',
  callback: '需要我们回电吗？',
  contact: '电话号码或联系地址',
  note: '想咨询什么？（选填）',
  sendCallback: '请求回电',
  calledBack: '已记录，我们会与您联系。',
  refused: '无法呼叫',
  unauthorized: '需要由您要联系的公司发起呼叫。',
  otherCall: '您正在另一个队列中通话，请先挂断。',
  unreachable: '服务没有响应，请检查网络后重试。',
  failed: '操作没有成功，请重试。',
  language: 'English',
  languageLabel: 'Switch to English'
}

const en = {
  title: 'Video service',
  lead: 'Talk to us face to face. You see and hear an agent; the agent sees and hears you.',
  open: 'Open',
  shut: 'Closed',
  busyLine: 'Busy',
  inLine: '{n} in line',
  noQueue: 'There is no such queue.',
  name: 'Your name',
  namePlaceholder: 'So that we know whom we talk to',
  call: 'Call now',
  calling: 'Calling…',
  consent: 'Your camera and microphone are used for this call only.',
  noCamera: 'Your camera is off',
  self: 'You',
  micOn: 'Turn microphone on',
  micOff: 'Turn microphone off',
  cameraOn: 'Turn camera on',
  cameraOff: 'Turn camera off',
  switchCamera: 'Use the other camera',
  waiting: 'You are in line',
  next: 'You are next',
  position: 'Number {position} in line',
  wait: 'Expected wait: about {time}',
  waitUnknown: 'Nobody is on duty at the moment; we keep your place.',
  waitSoon: 'It will be only a moment.',
  minute: '1 minute',
  minutes: '{n} minutes',
  waited: 'Waiting for {time}',
  cancel: 'Cancel the call',
  ringing: 'It is ringing at an agent',
  connecting: 'Connecting…',
  with: 'In a call with {name}',
  others: 'and {names}',
  held: 'On hold',
  heldHint: 'You are neither seen nor heard for the moment.',
  transferring: 'You are being connected to somebody else',
  hangup: 'Hang up',
  chat: 'Messages',
  unread: '{n} new',
  noMessages: 'No messages yet',
  say: 'Write a message',
  send: 'Send',
  notSent: 'The message was not sent. Please try again.',
  reconnecting: 'The network is gone; connecting again…',
  suspended: 'Too long in the background: your picture and sound were paused.',
  'problem.noCameraRight': 'Allow the camera, or you cannot be seen.',
  'problem.noMicrophoneRight': 'Allow the microphone, or you cannot be heard.',
  'problem.camera': 'The camera cannot be opened. Another app may be using it.',
  'problem.microphone': 'The microphone cannot be opened. Another app may be using it.',
  'problem.push': 'Your picture and sound could not be sent.',
  settings: 'Settings',
  retry: 'Try again',
  thanks: 'Thank you for your call',
  lasted: 'It lasted {time}.',
  'reason.completed': 'The call has ended.',
  'reason.abandoned': 'You hung up before anybody answered.',
  'reason.rejected': 'Nobody can take your call right now.',
  'reason.timeout': 'Nobody could answer in time. We are sorry.',
  'reason.no_agent': 'Nobody is on duty right now. We are sorry.',
  'reason.failed': 'The call was lost.',
  'reason.replaced': 'The call goes on on another device.',
  rate: 'How was it?',
  star: '{n} of 5 stars',
  comment: 'Anything to add? (optional)',
  sendRating: 'Send',
  rated: 'Thank you, that helps us.',
  again: 'Call again',
  close: 'Close',
  closed: 'We are closed at the moment',
  full: 'All lines are busy',
  opens: 'We open again {time}.',
  weekdays: 'Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday',
  callback: 'Shall we call you back?',
  contact: 'Telephone number or address',
  note: 'What is it about? (optional)',
  sendCallback: 'Ask to be called back',
  calledBack: 'We have noted it and will be in touch.',
  refused: 'The call could not be placed',
  unauthorized: 'This takes an invitation from the company that you want to call.',
  otherCall: 'You have a call going on in another queue. Hang up there first.',
  unreachable: 'The service does not answer. Check your network and try again.',
  failed: 'That did not work. Please try again.',
  language: '中文',
  languageLabel: '切换到中文'
}

/** A text with its gaps filled: {name} by filling.name. */
function fill(text, filling) {
  return text.replace(/\{(\w+)\}/g, function (whole, name) { return filling[name] === undefined ? whole : String(filling[name]) })
}

function two(n) {
  return (n < 10 ? '0' : '') + n
}

/** 65000 milliseconds as 1:05. */
function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return (hours ? hours + ':' + two(minutes) : minutes) + ':' + two(seconds % 60)
}

/** Milliseconds of a time as the gateway writes it; old phones do not read nanoseconds. */
function parse(at) {
  return Date.parse(String(at || '').replace(/\.\d+/, ''))
}

/** How long a wait of some seconds is, for people; null is unknown. */
function wait(words, seconds) {
  if (seconds === null || seconds === undefined) return words.waitUnknown
  const minutes = Math.round(seconds / 60)
  if (minutes < 1) return words.waitSoon
  return fill(words.wait, { time: minutes === 1 ? words.minute : fill(words.minutes, { n: minutes }) })
}

/** When a queue opens, by the phone's clock: 周一 09:00. */
function opens(words, at) {
  const when = new Date(parse(at))
  if (isNaN(when.getTime())) return ''
  return fill(words.opens, { time: words.weekdays.split(',')[when.getDay()] + ' ' + two(when.getHours()) + ':' + two(when.getMinutes()) })
}

module.exports = { zh: zh, en: en, fill: fill, elapsed: elapsed, parse: parse, wait: wait, opens: opens }

package rtmp

// Status codes, as Flash Media Server and every client since know them.
const (
	codeConnectSuccess  = "NetConnection.Connect.Success"
	codeConnectRejected = "NetConnection.Connect.Rejected"
	codeConnectClosed   = "NetConnection.Connect.Closed"
	codeCallFailed      = "NetConnection.Call.Failed"

	codePublishStart    = "NetStream.Publish.Start"
	codePublishBadName  = "NetStream.Publish.BadName"
	codePublishRejected = "NetStream.Publish.Rejected"
	codePublishDenied   = "NetStream.Publish.Denied"
	codeUnpublish       = "NetStream.Unpublish.Success"

	codePlayReset     = "NetStream.Play.Reset"
	codePlayStart     = "NetStream.Play.Start"
	codePlayStop      = "NetStream.Play.Stop"
	codePlayFailed    = "NetStream.Play.Failed"
	codePlayNotFound  = "NetStream.Play.StreamNotFound"
	codePlayUnpublish = "NetStream.Play.UnpublishNotify"
	codePause         = "NetStream.Pause.Notify"
	codeUnpause       = "NetStream.Unpause.Notify"
	codeSeekFailed    = "NetStream.Seek.Failed"
	codeStreamFailed  = "NetStream.Failed"
)

const (
	levelStatus  = "status"
	levelWarning = "warning"
	levelError   = "error"
)

// info is the information object of onStatus, _result and _error.
type info struct {
	Level       string `amf0:"level"`
	Code        string `amf0:"code"`
	Description string `amf0:"description"`
}

type connectProperties struct {
	Version      string `amf0:"fmsVer"`
	Capabilities int    `amf0:"capabilities"`
	Mode         int    `amf0:"mode"`
}

type connectInfo struct {
	Level          string `amf0:"level"`
	Code           string `amf0:"code"`
	Description    string `amf0:"description"`
	ObjectEncoding int    `amf0:"objectEncoding"`
}

func statusBody(level, code, description string) []byte {
	return encodeCommand("onStatus", 0, nil, info{level, code, description})
}

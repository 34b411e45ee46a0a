package weapp

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hutong/gateway/room"
)

// Types of elements.
const (
	elemText   = "TIMTextElem"
	elemCustom = "TIMCustomElem"
	elemFace   = "TIMFaceElem"
	elemTip    = "TIMGroupTipElem"
)

// Bounds of a message, in bytes of UTF-8 and in elements.
const (
	maxC2C   = 12000
	maxGroup = 8898
	maxElems = 16
)

// elem is one element of a message.
type elem struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitempty"`
	Data  string `json:"data,omitempty"`
	Desc  string `json:"desc,omitempty"`
	Ext   string `json:"ext,omitempty"`
	Index int    `json:"index,omitempty"`
}

// checkElems refuses what is not carried. It returns an answer's code, 0 for none.
func checkElems(elems []elem, most int) (code int, info string) {
	if len(elems) == 0 || len(elems) > maxElems {
		return imEmpty, "send 1 to 16 elements"
	}
	size := 0
	for _, e := range elems {
		switch e.Type {
		case elemText, elemCustom, elemFace:
		default:
			return imEmpty, "an element of type " + clip(e.Type) + " is not carried"
		}
		for _, s := range []string{e.Text, e.Data, e.Desc, e.Ext} {
			if !utf8.ValidString(s) {
				return imEmpty, "it is not UTF-8"
			}
			size += len(s)
		}
	}
	switch {
	case size == 0:
		return imEmpty, "there is nothing in it"
	case size > most:
		return imTooLong, "it is too long"
	}
	return 0, ""
}

// form is how a component shows chat.
type form int

const (
	formOther     form = iota // no chat
	formCustom                // rtc-room, live-room: a CustomTextMsg element and a text
	formTextExt               // webrtc-room: one custom element whose ext is TEXT
	extText       = "TEXT"
	cmdCustomText = "CustomTextMsg"
)

// formOf finds chat in a message, and its text.
func formOf(elems []elem) (f form, text string) {
	if len(elems) == 1 && elems[0].Type == elemCustom && elems[0].Ext == extText {
		return formTextExt, elems[0].Data
	}
	var b strings.Builder
	f = formOther
	for i, e := range elems {
		switch e.Type {
		case elemText:
			b.WriteString(e.Text)
		case elemFace:
			b.WriteString(e.Data)
		case elemCustom:
			if i > 0 || !isCustomText(e.Data) {
				return formOther, textOf(elems)
			}
			f = formCustom
		}
	}
	if b.Len() == 0 {
		return formOther, ""
	}
	return f, b.String()
}

func isCustomText(data string) bool {
	var head struct {
		Cmd string `json:"cmd"`
	}
	return json.Unmarshal([]byte(data), &head) == nil && head.Cmd == cmdCustomText
}

// textOf is what people could read of a message.
func textOf(elems []elem) string {
	var b strings.Builder
	for _, e := range elems {
		b.WriteString(e.Text)
	}
	return b.String()
}

// customData is a custom element as rooms carry it.
type customData struct {
	Data string `json:"data"`
	Desc string `json:"desc"`
	Ext  string `json:"ext"`
}

// saying makes of elements what a room says: chat as text, which browsers show,
// all else as custom.
func saying(elems []elem) room.Saying {
	f, text := formOf(elems)
	raw, err := json.Marshal(elems)
	if err != nil {
		return room.Saying{}
	}
	plain := f == formOther && text != "" && !hasCustom(elems)
	if f != formOther && text != "" || plain {
		return room.Saying{Kind: room.Text, Text: text, Elems: raw}
	}
	s := room.Saying{Kind: room.Custom, Text: text, Elems: raw}
	first := customData{}
	for _, e := range elems {
		if e.Type == elemCustom {
			first = customData{e.Data, e.Desc, e.Ext}
			break
		}
	}
	if len(elems) == 1 {
		s.Elems = nil // Data says all
	}
	if s.Data, err = json.Marshal(first); err != nil {
		return room.Saying{}
	}
	return s
}

func hasCustom(elems []elem) bool {
	for _, e := range elems {
		if e.Type == elemCustom {
			return true
		}
	}
	return false
}

// render makes of what a room says the elements that a receiver's component
// shows.
func render(m room.Message, avatar string, f form) []elem {
	var own []elem
	if len(m.Elems) > 0 {
		if json.Unmarshal(m.Elems, &own) != nil {
			own = nil
		}
	}
	if m.Kind == room.Custom {
		if own != nil {
			return own
		}
		return []elem{customElem(m.Data)}
	}
	// Bare text is nobody's form: whoever sends it means what it says.
	if is, _ := formOf(own); own != nil && (is == f || is == formOther) {
		return own
	}
	nick := m.NickName
	if nick == "" {
		nick = orAdmin(m.From)
	}
	if f == formTextExt {
		return []elem{{Type: elemCustom, Data: m.Text, Desc: jsonText(map[string]string{"nickName": nick}), Ext: extText}}
	}
	return []elem{{Type: elemCustom, Data: chatHead(nick, avatar)}, {Type: elemText, Text: m.Text}}
}

// customElem is a custom message of a room: one that a phone could have sent, or
// any JSON.
func customElem(data json.RawMessage) elem {
	var fields map[string]any
	if json.Unmarshal(data, &fields) == nil {
		c, ok := customData{}, true
		for name, value := range fields {
			s, text := value.(string)
			switch {
			case text && name == "data":
				c.Data = s
			case text && name == "desc":
				c.Desc = s
			case text && name == "ext":
				c.Ext = s
			default:
				ok = false
			}
		}
		if _, has := fields["data"]; has && ok {
			return elem{Type: elemCustom, Data: c.Data, Desc: c.Desc, Ext: c.Ext}
		}
	}
	return elem{Type: elemCustom, Data: string(data)}
}

// chatHead begins chat for those who split it from its text at the first }}.
func chatHead(nick, avatar string) string {
	apart := strings.NewReplacer("}}", "} }")
	return `{"cmd":"` + cmdCustomText + `","data":` + jsonText(map[string]string{"nickName": apart.Replace(nick), "headPic": apart.Replace(avatar)}) + `}`
}

func jsonText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "{}"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package weapp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hutong/gateway/room"
)

func TestForms(t *testing.T) {
	head := `{"cmd":"CustomTextMsg","data":{}}`
	for name, tc := range map[string]struct {
		elems []elem
		form  form
		kind  room.Kind
		text  string
	}{
		"rtc-room's chat":       {[]elem{{Type: elemCustom, Data: head}, {Type: elemText, Text: "a"}}, formCustom, room.Text, "a"},
		"with a face":           {[]elem{{Type: elemCustom, Data: head}, {Type: elemText, Text: "a"}, {Type: elemFace, Index: 1, Data: "[x]"}}, formCustom, room.Text, "a[x]"},
		"webrtc-room's chat":    {[]elem{{Type: elemCustom, Data: "a", Ext: extText}}, formTextExt, room.Text, "a"},
		"bare text":             {[]elem{{Type: elemText, Text: "a"}, {Type: elemText, Text: "b"}}, formOther, room.Text, "ab"},
		"a command":             {[]elem{{Type: elemCustom, Data: `{"cmd":"CustomCmdMsg"}`}, {Type: elemText, Text: "a"}}, formOther, room.Custom, "a"},
		"a whiteboard":          {[]elem{{Type: elemCustom, Data: "x", Ext: "TXWhiteBoardExt"}}, formOther, room.Custom, ""},
		"two customs":           {[]elem{{Type: elemCustom, Data: head}, {Type: elemCustom, Data: "x"}}, formOther, room.Custom, ""},
		"chat without any text": {[]elem{{Type: elemCustom, Data: head}}, formOther, room.Custom, ""},
		"empty TEXT":            {[]elem{{Type: elemCustom, Desc: "d", Ext: extText}}, formTextExt, room.Custom, ""},
	} {
		f, _ := formOf(tc.elems)
		s := saying(tc.elems)
		if f != tc.form || s.Kind != tc.kind || s.Text != tc.text {
			t.Errorf("%s: form %d, %s %q", name, f, s.Kind, s.Text)
		}
		if s.Kind == room.Custom && len(s.Data) == 0 {
			t.Errorf("%s says nothing", name)
		}
	}
}

// FuzzElems sends whatever through a room, to each kind of receiver.
func FuzzElems(f *testing.F) {
	f.Add(`[{"type":"TIMTextElem","text":"a"}]`)
	f.Add(`[{"type":"TIMCustomElem","data":"{\"cmd\":\"CustomTextMsg\"}"},{"type":"TIMTextElem","text":"}}"}]`)
	f.Add(`[{"type":"TIMCustomElem","data":"a","ext":"TEXT"}]`)
	f.Add(`[{"type":"TIMFaceElem","index":3,"data":"[x]"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var elems []elem
		if json.Unmarshal([]byte(text), &elems) != nil {
			return
		}
		if code, _ := checkElems(elems, maxGroup); code != 0 {
			return
		}
		s := saying(elems)
		r, err := room.Create(room.Options{RoomID: "r"}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		s.From, s.NickName = "u", "N}}\""
		_, m, err := r.Message(s, time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, form := range []form{formCustom, formTextExt} {
			out := render(m, "", form)
			if len(out) == 0 {
				t.Fatalf("%s arrives as nothing", text)
			}
			if is, _ := formOf(elems); m.Kind == room.Text && is != formOther {
				if got, shown := formOf(out); got != form || shown != m.Text {
					t.Fatalf("%s arrives as %+v, which shows %q", text, out, shown)
				}
			}
		}
	})
}

func FuzzMerge(f *testing.F) {
	f.Add(`{"interface":{"para":{"output_stream_id":"a","input_stream_list":[{"input_stream_id":"a","layout_params":{"image_layer":1}}]}}}`)
	f.Add(`"{\"interface\":{}}"`)
	f.Add(`{"interface":{"para":{"input_stream_list":[{"layout_params":{"image_layer":"2","image_width":1e400}}]}}}`)
	r, err := room.Create(room.Options{RoomID: "r"}, time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	r, _, err = r.Join(room.Joining{UserID: "a", Client: room.RTMP, Stream: "live/a"}, time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseMerge(json.RawMessage(text))
		if err != nil {
			return
		}
		inputs, err := p.inputs(r, "live/a")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r") || len(err.Error()) > 500 {
				t.Fatalf("%q", err)
			}
			return
		}
		for _, in := range inputs {
			if in.Stream != "live/a" || in.Width < 0 || in.Width > maxPixels || in.Height < 0 || in.Height > maxPixels {
				t.Fatalf("%+v", in)
			}
		}
	})
}

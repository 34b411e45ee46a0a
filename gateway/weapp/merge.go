package weapp

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"hutong/gateway/room"
)

const (
	mergeInterface = "mix_streamv2.start_mix_stream_advanced"
	maxInputs      = 16
	maxPixels      = 4096
)

// number is a whole number, or its text, as mini-programs write either.
type number int

func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		b = []byte(s)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f) > math.MaxInt32 {
		return fmt.Errorf("%s is no number", clip(string(b)))
	}
	*n = number(math.Round(f))
	return nil
}

// mergeParams is what merge_stream asks for.
type mergeParams struct {
	Interface struct {
		Name string `json:"interfaceName"`
		Para struct {
			Interface string       `json:"interface"`
			Session   string       `json:"mix_stream_session_id"`
			Output    string       `json:"output_stream_id"`
			Inputs    []mergeInput `json:"input_stream_list"`
		} `json:"para"`
	} `json:"interface"`
}

type mergeInput struct {
	Stream string `json:"input_stream_id"`
	Layout struct {
		Layer  number `json:"image_layer"`
		Width  number `json:"image_width"`
		Height number `json:"image_height"`
		X      number `json:"location_x"`
		Y      number `json:"location_y"`
	} `json:"layout_params"`
}

// parseMerge reads mergeParams: JSON, or JSON in a text.
func parseMerge(raw json.RawMessage) (mergeParams, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var p mergeParams
	if len(raw) == 0 || json.Unmarshal(raw, &p) != nil {
		return p, refuse(codeTooLong, "mergeParams is not the JSON of Mix_StreamV2")
	}
	return p, nil
}

// inputs checks what is to be mixed against who is in the room, and names it as
// streams. A session is the anchor's, who mixes streams of the room only.
func (p mergeParams) inputs(r room.Room, anchor string) ([]MixInput, error) {
	para := p.Interface.Para
	if para.Interface != "" && para.Interface != mergeInterface || p.Interface.Name != "" && p.Interface.Name != "Mix_StreamV2" {
		return nil, fmt.Errorf("interface %s is not served; use Mix_StreamV2 with %s", clip(para.Interface), mergeInterface)
	}
	if app+"/"+para.Output != anchor {
		return nil, fmt.Errorf("output_stream_id %s is not the anchor's stream", clip(para.Output))
	}
	if n := len(para.Inputs); n < 1 || n > maxInputs {
		return nil, fmt.Errorf("%d input streams; send 1 to %d", n, maxInputs)
	}
	var out []MixInput
	for _, in := range para.Inputs {
		name := app + "/" + in.Stream
		if _, here := r.ByStream(name); !here {
			return nil, fmt.Errorf("input_stream_id %s is of nobody in the room", clip(in.Stream))
		}
		if slices.ContainsFunc(out, func(other MixInput) bool { return other.Stream == name }) {
			return nil, fmt.Errorf("input_stream_id %s is there twice", clip(in.Stream))
		}
		l := in.Layout
		if l.Width < 0 || l.Height < 0 || l.Width > maxPixels || l.Height > maxPixels || (l.Width == 0) != (l.Height == 0) ||
			l.X < -maxPixels || l.Y < -maxPixels || l.X > maxPixels || l.Y > maxPixels {
			return nil, fmt.Errorf("layout_params of %s are out of range", clip(in.Stream))
		}
		out = append(out, MixInput{Stream: name, Layer: int(l.Layer), X: int(l.X), Y: int(l.Y), Width: int(l.Width), Height: int(l.Height)})
	}
	return out, nil
}

// parseStoredMix reads what [Service.mergeStream] has kept with the room.
func parseStoredMix(raw json.RawMessage) (inputs []MixInput, err error) {
	err = json.Unmarshal(raw, &inputs)
	return inputs, err
}

// mergeStream lays out the picture for the audience. Whatever went wrong with the
// mix itself is told in result, which clients read unguarded.
func (s *Service) mergeStream(k *call) (answer, error) {
	r, err := s.room(k)
	if err != nil {
		return nil, err
	}
	if !k.has("mergeParams") {
		return nil, refuse(k.missing, "mergeParams is missing")
	}
	p, err := parseMerge(k.body["mergeParams"])
	if err != nil {
		return nil, err
	}
	w := weappOf(r)
	if w.Creator != k.userID {
		return nil, refuse(codeNoRoom, "only the creator of room %s may mix", r.RoomID)
	}
	result := MixResult{Code: codeNotMixed}
	inputs, err := p.inputs(r, w.Stream)
	if err == nil {
		result, err = s.mixes.start(k.ctx, r.RoomID, w.Stream, inputs)
	}
	if err != nil {
		if result.Code == 0 {
			result.Code = codeNotMixed
		}
		result.Message = err.Error()
	}
	if result.Going {
		kept, err := json.Marshal(inputs)
		if err == nil {
			_, err = s.alter(k, func(_ room.Room, w *room.Weapp) error { w.Mix = kept; return nil })
		}
		if err != nil {
			s.o.Log.Warn("a mix will not outlive this gateway", "room", r.RoomID, "error", err)
		}
	}
	return answer{"result": answer{"code": result.Code, "message": result.Message, "timestamp": s.o.Now().Unix()}}, nil
}

// Mixed says whether a stream is what the audience of a room is given, which may
// play it unsigned.
func (s *Service) Mixed(stream string) bool {
	roomID, _, ok := s.o.Rooms.RoomOf(stream)
	if !ok {
		return false
	}
	r, ok := s.o.Rooms.Known(roomID)
	return ok && r.Weapp != nil && r.Weapp.Kind != "" && r.Weapp.Kind != room.WebRTCRoom && r.Weapp.Stream == stream
}

package sfu

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// spsOf writes a sequence parameter set for a picture of this size.
func spsOf(width, height int) []byte {
	var bits []byte
	put := func(v uint, n int) {
		for n--; n >= 0; n-- {
			bits = append(bits, byte(v>>n&1))
		}
	}
	ue := func(v uint) {
		n := 0
		for (v+1)>>n > 1 {
			n++
		}
		put(0, n)
		put(v+1, n+1)
	}
	ue(0)                               // seq_parameter_set_id
	ue(0)                               // log2_max_frame_num_minus4
	ue(2)                               // pic_order_cnt_type
	ue(1)                               // max_num_ref_frames
	put(0, 1)                           // gaps_in_frame_num_value_allowed_flag
	ue(uint(width+15)/16 - 1)           // pic_width_in_mbs_minus1
	ue(uint(height+15)/16 - 1)          // pic_height_in_map_units_minus1
	put(1, 1)                           // frame_mbs_only_flag
	put(1, 1)                           // direct_8x8_inference_flag
	crop := uint(16-height%16) % 16 / 2 // in chroma samples
	if crop > 0 {
		put(1, 1)
		ue(0)
		ue(0)
		ue(0)
		ue(crop)
	} else {
		put(0, 1)
	}
	put(0, 1) // vui_parameters_present_flag
	put(1, 1) // stop bit
	for len(bits)%8 != 0 {
		bits = append(bits, 0)
	}
	out := []byte{0x67, 0x42, 0xc0, 0x1f}
	for i := 0; i < len(bits); i += 8 {
		var b byte
		for _, bit := range bits[i : i+8] {
			b = b<<1 | bit
		}
		out = append(out, b)
	}

	return out
}

var layerSizes = [maxLayers][2]int{{320, 180}, {640, 360}, {1280, 720}}

// layerFrame makes a frame of a layer. Its packets end in the layer and the
// frame's number.
func layerFrame(layer int, number uint32, key bool) [][]byte {
	mark := func(b []byte) []byte {
		return binary.BigEndian.AppendUint32(append(b, byte(layer)), number)
	}
	var out [][]byte
	if key {
		sps := spsOf(layerSizes[layer][0], layerSizes[layer][1])
		b := append([]byte{nalSTAPA, 0, byte(len(sps))}, sps...)
		out = append(out, mark(append(b, 0, 7, 0x68, 0xce)), mark([]byte{0x7c, 0x85, 1}), mark([]byte{0x7c, 0x45, 1}))
	} else {
		out = append(out, mark([]byte{0x5c, 0x81, 1}), mark([]byte{0x5c, 0x41, 1}))
	}

	return out
}

func layerOfPayload(b []byte) int { return int(b[len(b)-5]) }

func numberOfPayload(b []byte) uint32 { return binary.BigEndian.Uint32(b[len(b)-4:]) }

// simulcastClient is a WebRTC client that sends three layers of video, with
// keyframes when asked.
type simulcastClient struct {
	pc     *webrtc.PeerConnection
	pub    *Publisher
	sender *webrtc.RTPSender
	mid    string
	ids    map[string]uint8
	tracks [maxLayers]*webrtc.TrackLocalStaticRTP

	mu    sync.Mutex
	on    [maxLayers]bool
	keyed [maxLayers]bool // a keyframe is due
	asked [maxLayers]int
	stop  chan struct{}
	done  chan struct{}
}

func newSimulcastClient(t *testing.T, s *SFU, src *Source, on ...int) *simulcastClient {
	t.Helper()
	c := &simulcastClient{
		pc: newClientPC(t, clientOptions{interceptors: true, simulcast: true}), ids: map[string]uint8{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for i, rid := range []string{"l", "m", "h"} {
		tr, err := webrtc.NewTrackLocalStaticRTP(h264Capability(), "video", "stream", webrtc.WithRTPStreamID(rid))
		mustDo(t, err)
		c.tracks[i] = tr
	}
	tc, err := c.pc.AddTransceiverFromTrack(c.tracks[0], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	mustDo(t, err)
	c.sender = tc.Sender()
	mustDo(t, c.sender.AddEncoding(c.tracks[1]))
	mustDo(t, c.sender.AddEncoding(c.tracks[2]))
	pub, answer, err := s.Publish(context.Background(), makeOffer(t, c.pc), PublishOptions{Source: src})
	mustDo(t, err)
	c.pub = pub
	takeAnswer(t, c.pc, answer)
	await(t, "a publisher to connect", pub.Established())
	eventually(t, "the client to connect", func() bool {
		return c.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})
	c.mid = tc.Mid()
	for _, x := range c.sender.GetParameters().HeaderExtensions {
		c.ids[x.URI] = uint8(x.ID)
	}
	if c.ids[sdp.SDESMidURI] == 0 || c.ids[sdp.SDESRTPStreamIDURI] == 0 {
		t.Fatalf("simulcast was not negotiated: %v", c.ids)
	}
	for i, tr := range c.tracks {
		c.keyed[i] = true
		go c.control(i, tr.RID())
	}
	c.set(true, on...)
	go c.run(t)
	t.Cleanup(c.end)

	return c
}

func (c *simulcastClient) end() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	<-c.done
}

// set turns layers on, beginning with a keyframe, or off.
func (c *simulcastClient) set(on bool, layers ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range layers {
		c.on[i], c.keyed[i] = on, on
	}
}

func (c *simulcastClient) requests(layer int) int {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.asked[layer]
}

func (c *simulcastClient) control(layer int, rid string) {
	for {
		list, _, err := c.sender.ReadSimulcastRTCP(rid)
		if err != nil {
			return
		}
		for _, p := range list {
			if pli, ok := p.(*rtcp.PictureLossIndication); ok {
				for _, e := range c.sender.GetParameters().Encodings {
					if uint32(e.SSRC) == pli.MediaSSRC && e.RID == rid {
						c.mu.Lock()
						c.keyed[layer] = true
						c.asked[layer]++
						c.mu.Unlock()
					}
				}
			}
		}
	}
}

// run sends a frame of every layer each 10 ms, all with the same capture time
// but on clocks and numberings of their own.
func (c *simulcastClient) run(t *testing.T) {
	defer close(c.done)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	seq := [maxLayers]uint16{65500, 1000, 30000}
	base := [maxLayers]uint32{1 << 31, 4_294_000_000, 77}
	for n := uint32(0); ; n++ {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		for i := range c.tracks {
			c.mu.Lock()
			on, key := c.on[i], c.keyed[i]
			if on {
				c.keyed[i] = false
			}
			c.mu.Unlock()
			if !on {
				continue
			}
			payloads := layerFrame(i, n, key)
			for j, payload := range payloads {
				seq[i]++
				h := rtp.Header{
					Version: 2, PayloadType: 102, SequenceNumber: seq[i], Timestamp: base[i] + n*900, Marker: j == len(payloads)-1,
				}
				_ = h.SetExtension(c.ids[sdp.SDESMidURI], []byte(c.mid))
				_ = h.SetExtension(c.ids[sdp.SDESRTPStreamIDURI], []byte(c.tracks[i].RID()))
				if err := c.tracks[i].WriteRTP(&rtp.Packet{Header: h, Payload: payload}); err != nil {
					return
				}
			}
		}
	}
}

// checkLayers asserts one stream: numbers without a gap, timestamps that rise with
// every frame by about what the frames are apart, and layers that change only at
// a keyframe. It returns the layers in order.
func checkLayers(t *testing.T, packets []*rtp.Packet) (order []int) {
	t.Helper()
	for i, p := range packets {
		is := layerOfPayload(p.Payload)
		if i == 0 {
			order = append(order, is)
			if p.Payload[0] != nalSTAPA {
				t.Fatalf("video begins with type %#x", p.Payload[0])
			}

			continue
		}
		before := packets[i-1]
		was := layerOfPayload(before.Payload)
		if p.SequenceNumber != before.SequenceNumber+1 {
			t.Fatalf("packet %d: sequence number %d after %d", i, p.SequenceNumber, before.SequenceNumber)
		}
		if is != was {
			order = append(order, is)
			if p.Payload[0] != nalSTAPA || !before.Marker {
				t.Fatalf("packet %d: layer %d after %d with type %#x, marker before %v", i, is, was, p.Payload[0], before.Marker)
			}
		}
		rise := int32(p.Timestamp - before.Timestamp)
		if before.Marker != (rise > 0) || rise < 0 {
			t.Fatalf("packet %d: timestamp moves by %d after a marker: %v", i, rise, before.Marker)
		}
	}

	return order
}

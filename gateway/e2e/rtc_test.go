package e2e

import (
	"cmp"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"hutong/bridge/testmedia"
)

// receiver is a WHEP player that keeps what it gets, packet by packet, with the
// sender reports that say when each was captured.
type receiver struct {
	mu           sync.Mutex
	video, audio received
}

type received struct {
	packets []*rtp.Packet
	reports []*rtcp.SenderReport
}

// receive subscribes until the test ends.
func receive(t *testing.T, gw *gateway, name string) *receiver {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
	})
	r := &receiver{}
	pc.OnTrack(func(track *webrtc.TrackRemote, from *webrtc.RTPReceiver) {
		to := &r.audio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			to = &r.video
		}
		readers.Add(2)
		go func() {
			defer readers.Done()
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				r.mu.Lock()
				to.packets = append(to.packets, p)
				r.mu.Unlock()
			}
		}()
		go func() {
			defer readers.Done()
			for {
				reports, _, err := from.ReadRTCP()
				if err != nil {
					return
				}
				r.mu.Lock()
				for _, p := range reports {
					if sr, ok := p.(*rtcp.SenderReport); ok {
						to.reports = append(to.reports, sr)
					}
				}
				r.mu.Unlock()
			}
		}()
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+gw.http+"/whep/live/"+name, "application/sdp", strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("WHEP is answered %d %s", resp.StatusCode, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		t.Fatal(err)
	}
	return r
}

// wait until both tracks span the given length.
func (r *receiver) wait(t *testing.T, length time.Duration) {
	t.Helper()
	testmedia.Eventually(t, length*3+30*time.Second, length.String()+" of RTP", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.video.span(90000) >= length && r.audio.span(48000) >= length && len(r.video.reports) > 1 && len(r.audio.reports) > 1
	})
}

func (r *received) span(rate int) time.Duration {
	if len(r.packets) == 0 {
		return 0
	}
	return ticks(r.packets[len(r.packets)-1].Timestamp, r.packets[0].Timestamp, rate)
}

// ticks is how much later an RTP timestamp is than another.
func ticks(later, earlier uint32, rate int) time.Duration {
	return time.Duration(float64(int32(later-earlier)) / float64(rate) * float64(time.Second))
}

// captured maps an RTP timestamp to the sender's clock by the nearest report
// (RFC 3550, section 6.4.1).
func (r *received) captured(timestamp uint32, rate int) time.Duration {
	best := r.reports[0]
	for _, sr := range r.reports {
		if ticks(sr.RTPTime, timestamp, rate).Abs() < ticks(best.RTPTime, timestamp, rate).Abs() {
			best = sr
		}
	}
	ntp := time.Duration(best.NTPTime>>32)*time.Second + time.Duration(float64(best.NTPTime&0xffffffff)/(1<<32)*float64(time.Second))
	return ntp + ticks(timestamp, best.RTPTime, rate)
}

func (r *received) inOrder() []*rtp.Packet {
	packets := slices.Clone(r.packets)
	first := packets[0].SequenceNumber
	slices.SortStableFunc(packets, func(a, b *rtp.Packet) int {
		return cmp.Compare(int16(a.SequenceNumber-first), int16(b.SequenceNumber-first))
	})
	return slices.CompactFunc(packets, func(a, b *rtp.Packet) bool { return a.SequenceNumber == b.SequenceNumber })
}

// flashes gives the capture times of the flashes, by decoding the video.
func (r *receiver) flashes(t *testing.T) (at []time.Duration) {
	t.Helper()
	var annexB []byte
	var times []uint32 // of each access unit with a picture
	depacketizer := &codecs.H264Packet{}
	for _, p := range r.video.inOrder() {
		if len(p.Payload) == 0 {
			continue // padding
		}
		unit, err := depacketizer.Unmarshal(p.Payload)
		if err != nil {
			t.Fatal(err)
		}
		annexB = append(annexB, unit...)
		if len(times) == 0 || times[len(times)-1] != p.Timestamp {
			times = append(times, p.Timestamp)
		}
	}
	path := filepath.Join(t.TempDir(), "video.h264")
	if err := os.WriteFile(path, annexB, 0o600); err != nil {
		t.Fatal(err)
	}
	pictures := testmedia.Decode(t, path).Pictures
	requireWhole(t, pictureStrips(pictures[:len(pictures)-1]))
	if len(pictures) != len(times) {
		t.Fatalf("%d pictures in %d access units", len(pictures), len(times))
	}
	for i := 1; i < len(pictures); i++ {
		if pictures[i].Flash && !pictures[i-1].Flash {
			at = append(at, r.video.captured(times[i], 90000))
		}
	}
	return at
}

// beeps gives the capture times of the beeps, by decoding the audio.
func (r *receiver) beeps(t *testing.T) (at []time.Duration) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audio.ogg")
	ogg, err := oggwriter.New(path, 48000, 2)
	if err != nil {
		t.Fatal(err)
	}
	packets := r.audio.inOrder()
	for i, p := range packets {
		if i > 0 && p.Timestamp-packets[i-1].Timestamp != 960 {
			t.Errorf("audio packet %d steps by %d ticks, want 960", i, p.Timestamp-packets[i-1].Timestamp)
		}
		if err := ogg.WriteRTP(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := ogg.Close(); err != nil {
		t.Fatal(err)
	}
	sound := testmedia.Decode(t, path).Sound
	skipped := len(packets)*960 - sound.Len() // the decoder leaves out the file's pre-skip
	for _, n := range testmedia.Onsets(sound.Channels[0], sound.Rate) {
		at = append(at, r.audio.captured(packets[0].Timestamp+uint32(n+skipped), 48000))
	}
	return at
}

package sfu

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

type packetList = []*rtp.Packet

// viewerClient is a WebRTC client of a Viewer that answers every offer and keeps
// every packet by the key of its stream.
type viewerClient struct {
	t    testing.TB
	pc   *webrtc.PeerConnection
	v    *Viewer
	work chan string // offers to answer

	mu      sync.Mutex
	packets map[string]*[kinds]packetList
	offers  []string
	tracks  []ViewerTrack // of the newest offer
	told    int           // candidates
}

func newViewerClient(t testing.TB, s *SFU, opts clientOptions) *viewerClient {
	t.Helper()
	c := &viewerClient{t: t, pc: newClientPC(t, opts), work: make(chan string, 100), packets: map[string]*[kinds]packetList{}}
	c.pc.OnTrack(c.track)
	v, err := s.NewViewer(ViewerOptions{
		OnOffer: func(sdp string, tracks []ViewerTrack) {
			c.mu.Lock()
			c.offers, c.tracks = append(c.offers, sdp), tracks
			checkTracks(t, sdp, tracks)
			c.mu.Unlock()
			c.work <- sdp
		},
		OnCandidate: func(webrtc.ICECandidateInit) {
			c.mu.Lock()
			c.told++
			c.mu.Unlock()
		},
	})
	mustDo(t, err)
	c.v = v
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case sdp := <-c.work:
				if err := c.answer(sdp); err != nil && !v.ending() {
					t.Errorf("answering: %v", err)
				}
			case <-v.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = v.Close()
		<-done
	})

	return c
}

func (c *viewerClient) answer(sdp string) error {
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}); err != nil {
		return err
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered

	return c.v.Answer(c.pc.LocalDescription().SDP)
}

func (c *viewerClient) track(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	kind := Video
	if tr.Kind() == webrtc.RTPCodecTypeAudio {
		kind = Audio
	}
	key := tr.StreamID()
	for {
		packet, _, err := tr.ReadRTP()
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		c.mu.Lock()
		if c.packets[key] == nil {
			c.packets[key] = &[kinds]packetList{}
		}
		c.packets[key][kind] = append(c.packets[key][kind], packet)
		c.mu.Unlock()
	}
}

func (c *viewerClient) got(key string, kind Kind) []*rtp.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packets[key] == nil {
		return nil
	}

	return append([]*rtp.Packet(nil), c.packets[key][kind]...)
}

func (c *viewerClient) count(key string, kind Kind) int { return len(c.got(key, kind)) }

// settled reports whether the newest offer has been answered and lists n tracks.
func (c *viewerClient) settled(n int) func() bool {
	return func() bool {
		c.v.mu.Lock()
		waiting := c.v.waiting
		c.v.mu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()

		return !waiting && len(c.offers) > 0 && len(c.tracks) == n
	}
}

// sections counts the sections of the newest offer.
func (c *viewerClient) sections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: c.offers[len(c.offers)-1]}
	parsed, err := d.Unmarshal()
	mustDo(c.t, err)

	return len(parsed.MediaDescriptions)
}

// checkTracks asserts that the tracks told with an offer are those in it.
func checkTracks(t testing.TB, offer string, tracks []ViewerTrack) {
	d := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	parsed, err := d.Unmarshal()
	if err != nil {
		t.Error(err)

		return
	}
	carried := 0
	for _, m := range parsed.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		if _, sends := m.Attribute("sendonly"); !sends {
			continue
		}
		carried++
		msid, _ := m.Attribute("msid")
		key, _, _ := strings.Cut(msid, " ")
		if !slices.Contains(tracks, ViewerTrack{MID: mid, Key: key, Kind: map[string]Kind{"audio": Audio, "video": Video}[m.MediaName.Media]}) {
			t.Errorf("section %s carries the %s of %q, which is not among %v", mid, m.MediaName.Media, key, tracks)
		}
	}
	if carried != len(tracks) {
		t.Errorf("%d sections carry something, %d tracks were told", carried, len(tracks))
	}
}

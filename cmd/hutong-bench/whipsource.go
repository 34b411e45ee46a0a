package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// whipSource publishes an H.264 and an Opus file by WHIP, as a browser would, but deaf to keyframe requests: the next
// keyframe comes when the file has one.
type whipSource struct {
	url, bearer string
	fps         float64
	pictures    [][][]byte
	opus        [][]byte
}

const (
	opusFrame  = 20 * time.Millisecond
	rtpPayload = 1188
)

func (s *whipSource) load(h264, ogg string) error {
	b, err := os.ReadFile(h264)
	if err != nil {
		return err
	}
	if s.pictures = accessUnits(splitAnnexB(b)); len(s.pictures) == 0 {
		return fmt.Errorf("%s: no H.264 pictures", h264)
	}
	if ogg != "" {
		s.opus, err = readOpusFile(ogg)
	}
	return err
}

// readOpusFile returns the packets of an Ogg file that has one on each page.
func readOpusFile(name string) (packets [][]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pages, _, err := oggreader.NewWith(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for {
		b, _, err := pages.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return packets, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if !strings.HasPrefix(string(b), "OpusTags") {
			packets = append(packets, append([]byte(nil), b...))
		}
	}
}

const connectTimeout = 10 * time.Second

func (s *whipSource) publish(ctx context.Context, sent onSend) error {
	p, err := newPeer(true, nil, func([]rtpHead) {})
	if err != nil {
		return err
	}
	defer p.close(s.bearer)
	video, err := addTrack(p.pc, "video", webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: h264Format})
	if err != nil {
		return err
	}
	var audio *webrtc.TrackLocalStaticRTP
	if len(s.opus) > 0 {
		if audio, err = addTrack(p.pc, "audio", webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}); err != nil {
			return err
		}
	}
	if err := p.exchange(ctx, s.url, s.bearer); err != nil {
		return ended(ctx, err)
	}
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	select {
	case <-p.up:
	case <-p.down:
		return errPeerFailed
	case <-timeout.C:
		return fmt.Errorf("WHIP: not connected after %v", connectTimeout)
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.down:
			cancel(errPeerFailed)
		case <-stop:
		}
	}()
	clock := pacer{time.Now()}
	var both sync.WaitGroup
	if audio != nil {
		both.Go(func() { s.sendAudio(ctx, clock, audio, sent) })
	}
	s.sendVideo(ctx, clock, video, sent)
	both.Wait()
	if errors.Is(context.Cause(ctx), errPeerFailed) {
		return errPeerFailed
	}
	return nil
}

// addTrack adds a track and reads the RTCP that comes for it, which is how pion's NACK answers work. The reader ends with
// the peer connection.
func addTrack(pc *webrtc.PeerConnection, kind string, codec webrtc.RTPCodecCapability) (*webrtc.TrackLocalStaticRTP, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(codec, kind, "hutong-bench")
	if err != nil {
		return nil, err
	}
	tr, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	go func() {
		b := make([]byte, 1500)
		for {
			if _, _, err := tr.Sender().Read(b); err != nil {
				return
			}
		}
	}()
	return track, nil
}

func (s *whipSource) sendAudio(ctx context.Context, clock pacer, track *webrtc.TrackLocalStaticRTP, sent onSend) {
	for i := 0; clock.wait(ctx, time.Duration(i)*opusFrame); i++ {
		b := s.opus[i%len(s.opus)]
		if sent != nil {
			sent(sentFrame{key: keyOf(b), size: len(b)})
		}
		track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: audioPT, SequenceNumber: uint16(i),
			Timestamp: uint32(i) * 960}, Payload: b})
	}
}

func (s *whipSource) sendVideo(ctx context.Context, clock pacer, track *webrtc.TrackLocalStaticRTP, sent onSend) {
	var payloader codecs.H264Payloader
	var seq uint16
	for i := 0; ; i++ {
		media := time.Duration(float64(i) / s.fps * float64(time.Second))
		if !clock.wait(ctx, media) {
			return
		}
		nals := s.pictures[i%len(s.pictures)]
		var payloads [][]byte
		for _, n := range nals {
			payloads = append(payloads, payloader.Payload(rtpPayload, n)...)
		}
		if k, ok := pictureKey(nals); ok && sent != nil {
			sent(sentFrame{video: true, keyframe: hasIDR(nals), key: k})
		}
		for k, b := range payloads {
			track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: videoPT, Marker: k == len(payloads)-1,
				SequenceNumber: seq, Timestamp: uint32(media.Seconds() * 90000)}, Payload: b})
			seq++
		}
	}
}

package e2e

import (
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// Every tool gets the phone's bytes, from a keyframe on, in both channels.
func (s *suite) rtmpPlayers(t *testing.T) {
	spec := testmedia.Spec{ToneHz: 440, Channels: 2, AudioRate: 44100, Profile: "high", GOP: 30, Duration: 30 * time.Second}
	s.gw.push(t, "players", spec)
	type recording struct {
		tool    testmedia.Tool
		url     string
		process *testmedia.Process
		path    string
	}
	recordings := []*recording{
		{tool: testmedia.FFmpeg, url: s.gw.rtmpURL("players")},
		{tool: testmedia.RTMPDump, url: s.gw.rtmpURL("players")},
		{tool: testmedia.GStreamer, url: s.gw.rtmpURL("players")},
		{tool: testmedia.FFmpeg, url: s.gw.flvURL("players")},
		{tool: testmedia.Curl, url: s.gw.flvURL("players")},
	}
	for _, r := range recordings {
		r.process, r.path = testmedia.Play(t, r.tool, r.url)
	}
	for _, r := range recordings {
		t.Run(string(r.tool)+" "+r.url[:4], func(t *testing.T) {
			testmedia.WaitLength(t, r.process, r.path, 4*time.Second)
			r.process.Stop()
			info, media := testmedia.Probe(t, r.path), testmedia.Decode(t, r.path)
			if len(info.Streams) != 2 || info.Stream("video").Profile != "High" || info.Stream("audio").Channels != 2 {
				t.Errorf("the streams are %+v", info.Streams)
			}
			if media.Errors != "" {
				t.Errorf("the decoder complains:\n%.1000s", media.Errors)
			}
			if len(media.Pictures) == 0 || !media.Pictures[0].Key {
				t.Errorf("the first of %d pictures is no keyframe", len(media.Pictures))
			}
			requireAdvance(t, pictureStrips(media.Pictures), spec, 1)
			requireSound(t, media, 440)
			requireTone(t, media.Sound.Slice(1, time.Second, 3*time.Second), 44100, 660)
		})
	}
}

// The same stream, addressed as different clients split it.
func (s *suite) addressForms(t *testing.T) {
	clip := testmedia.Clip(t, phone, testmedia.FLV)
	base := "rtmp://" + s.gw.rtmp
	for name, url := range map[string]string{
		"forms-query": base + "/live/forms-query?txSecret=f85a&txTime=5C271099",
		"forms-app":   base + "/live?token=abc/forms-app",
	} {
		testmedia.Push(t, clip, url)
		testmedia.Eventually(t, 30*time.Second, url+" to be live", func() bool { return s.gw.live(name) })
	}
	for _, play := range []struct {
		tool testmedia.Tool
		url  string
	}{
		{testmedia.FFmpeg, s.gw.rtmpURL("forms-query") + "?txSecret=x"},
		{testmedia.RTMPDump, s.gw.rtmpURL("forms-app")},
		{testmedia.FFmpeg, s.gw.flvURL("forms-query") + "?a=b"},
	} {
		media := testmedia.Decode(t, testmedia.Record(t, play.tool, play.url, time.Second))
		requireAdvance(t, pictureStrips(media.Pictures), phone, 1)
	}
}

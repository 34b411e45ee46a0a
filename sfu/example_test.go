package sfu_test

import (
	"context"
	"fmt"
	"time"

	"hutong/sfu"
)

// A Source carries what a Feed writes to players, which come with
// [sfu.SFU.Subscribe], and to taps.
func ExampleSource() {
	src := sfu.NewSource("live/camera")
	defer src.Close()
	tap := src.Tap(sfu.TapOptions{Video: true})
	defer tap.Close()

	feed := src.Attach(sfu.FeedOptions{HasVideo: true})
	feed.SetClock(time.Now())
	idr := [][]byte{{0x67, 0x42, 0xe0, 0x1f}, {0x68, 0xce}, {0x65, 0x88}} // SPS, PPS, slice
	feed.WriteFrame(sfu.Video, 0, true, idr)
	feed.WriteFrame(sfu.Video, 33*time.Millisecond, false, [][]byte{{0x41, 0x9a}})

	for range 4 {
		p, err := tap.Read(context.Background())
		if err != nil {
			fmt.Println(err)

			return
		}
		fmt.Printf("%v NAL unit type %d, last of its frame: %v\n", p.Kind, p.Payload[0]&0x1f, p.Marker)
	}
	// Output:
	// video NAL unit type 7, last of its frame: false
	// video NAL unit type 8, last of its frame: false
	// video NAL unit type 5, last of its frame: true
	// video NAL unit type 1, last of its frame: true
}

package main

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDispatchExitCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want int
	}{
		"nothing":                {nil, 2},
		"unknown command":        {[]string{"fly"}, 2},
		"help":                   {[]string{"whep", "-h"}, 0},
		"unknown flag":           {[]string{"whep", "-wings"}, 2},
		"leftover":               {[]string{"push", "-url", "rtmp://127.0.0.1/a/b", "extra"}, 2},
		"missing url":            {[]string{"flv"}, 2},
		"missing file":           {[]string{"push", "-url", "rtmp://127.0.0.1/a/b"}, 2},
		"file that is not there": {[]string{"push", "-url", "rtmp://127.0.0.1/a/b", "-file", "none.flv"}, 1},
		"quick and full":         {[]string{"suite", "-quick", "-full"}, 2},
		"half a minute of soak":  {[]string{"soak", "-minutes", "0.5"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dispatch(context.Background(), tc.args); got != tc.want {
				t.Errorf("exit code %d, want %d", got, tc.want)
			}
		})
	}
}

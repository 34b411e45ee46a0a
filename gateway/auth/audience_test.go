package auth

import (
	"net/url"
	"testing"
)

func TestAudience(t *testing.T) {
	for query, want := range map[string]bool{
		"":                                    true,
		"bizid=8525":                          true,
		"txSecret=ab&txTime=6A000000":         false,
		"bizid=1&txSecret=ab&txTime=6A":       false,
		"token=x.y.z":                         false,
		"path=live":                           false,
		"path=standard":                       true,
		"txSecret=ab&txTime=6A&path=standard": true,
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := Audience(q); got != want {
			t.Errorf("?%s: audience %v, want %v", query, got, want)
		}
	}
}

package auth

import "net/url"

// Audience tells by the query of a play address whether it is the audience's:
// unsigned, or for the standard path. The audience of a live room sees the mixed
// picture; who is signed in, as those are who speak with each other, sees the
// publisher's own stream, and so does who asks for ?path=live.
func Audience(query url.Values) bool {
	switch query.Get("path") {
	case PathStandard:
		return true
	case PathLive:
		return false
	}
	return query.Get("txSecret") == "" && query.Get("token") == ""
}

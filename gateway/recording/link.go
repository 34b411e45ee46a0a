package recording

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Link is the query that opens a file of a recording to whoever has it, until it
// expires.
func (s *Service) Link(id, name string) (query string, expires time.Time) {
	expires = time.Now().Add(s.o.Config.LinkTTL.Std()).Truncate(time.Second)
	at := strconv.FormatInt(expires.Unix(), 10)
	return url.Values{"expires": {at}, "signature": {s.sign(id, name, at)}}.Encode(), expires
}

// Opens tells whether a link's query is good.
func (s *Service) Opens(id, name, expires, signature string) bool {
	at, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && time.Now().Unix() < at && hmac.Equal([]byte(signature), []byte(s.sign(id, name, expires)))
}

func (s *Service) sign(id, name, expires string) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%s\n%s\n%s", id, name, expires)
	return hex.EncodeToString(mac.Sum(nil))
}

package recording

import "hutong/bridge/record"

// Status is how recording does on this node. Free and Total are bytes.
type Status struct {
	Recordings     int    `json:"recordings"`
	Streams        int    `json:"streams"`
	Free           uint64 `json:"diskFree"`
	Total          uint64 `json:"diskTotal"`
	Low            bool   `json:"diskLow"`
	Full           bool   `json:"diskFull"`
	Store          bool   `json:"store"`
	UploadsWaiting int    `json:"uploadsWaiting"`
	// FFmpeg is what to do for composites to be made, "" if they can be.
	FFmpeg string `json:"ffmpeg"`
	// Key is the fingerprint of the key that manifests are signed with, PublicKey the
	// key in PEM.
	Key       string `json:"key"`
	PublicKey string `json:"publicKey"`
}

// Status returns it.
func (s *Service) Status() Status {
	st := Status{Store: s.vault.bucket != nil, UploadsWaiting: s.UploadsWaiting(), Key: record.Fingerprint(s.PublicKey())}
	st.Free, st.Total, st.Full, st.Low = s.disk.state()
	s.mu.Lock()
	for _, a := range s.active {
		st.Recordings++
		st.Streams += len(a.rec.Streams())
	}
	s.mu.Unlock()
	if err := s.FFmpeg(); err != nil {
		st.FFmpeg = err.Error()
	}
	if b, err := record.PublicPEM(s.PublicKey()); err == nil {
		st.PublicKey = string(b)
	}
	return st
}

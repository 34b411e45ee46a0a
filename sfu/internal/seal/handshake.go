package seal

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
)

// Why there is no Session. All mean: send through pion.
var (
	ErrNotServer   = errors.New("seal: the DTLS handshake has not ended, or the other side was its server")
	ErrProfile     = errors.New("seal: the SRTP profile is not AES-GCM")
	ErrCipherSuite = errors.New("seal: the DTLS cipher suite is not known here")
)

// Handshake overhears the DTLS handshake of one connection. The secret it takes
// up is in no log and no file, and is let go of by Session.
type Handshake struct {
	mu           sync.Mutex
	clientRandom []byte
	serverRandom []byte
	master       []byte
	suite        uint16
	profile      dtls.SRTPProtectionProfile
}

// Install has the connection made with these settings be overheard. One
// Handshake is for one connection: the hooks do not say whose handshake it is.
func (h *Handshake) Install(e *webrtc.SettingEngine) {
	e.SetDTLSKeyLogWriter(h)
	e.SetDTLSServerHelloMessageHook(h.serverHello)
}

// Write takes one line of a key log (NSS format): CLIENT_RANDOM, the client's
// random and the master secret in hex.
func (h *Handshake) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || string(fields[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	random, err := hex.AppendDecode(nil, fields[1])
	if err != nil {
		return len(line), nil
	}
	master, err := hex.AppendDecode(nil, fields[2])
	if err != nil {
		return len(line), nil
	}
	h.mu.Lock()
	h.clientRandom, h.master = random, master
	h.mu.Unlock()

	return len(line), nil
}

// serverHello is only called where we are the server.
func (h *Handshake) serverHello(m handshake.MessageServerHello) handshake.Message {
	random := m.Random.MarshalFixed()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serverRandom = random[:]
	if m.CipherSuiteID != nil {
		h.suite = *m.CipherSuiteID
	}
	for _, e := range m.Extensions {
		if s, ok := e.(*extension.UseSRTP); ok && len(s.ProtectionProfiles) == 1 {
			h.profile = s.ProtectionProfiles[0]
		}
	}

	return &m
}

// Session makes the Session of the handshake that has ended, once: the secret is
// then forgotten.
func (h *Handshake) Session() (*Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() {
		clear(h.master)
		h.master = nil
	}()
	if h.master == nil || h.serverRandom == nil {
		return nil, ErrNotServer
	}
	var profile srtp.ProtectionProfile
	switch h.profile {
	case dtls.SRTP_AEAD_AES_128_GCM:
		profile = srtp.ProtectionProfileAeadAes128Gcm
	case dtls.SRTP_AEAD_AES_256_GCM:
		profile = srtp.ProtectionProfileAeadAes256Gcm
	default:
		return nil, fmt.Errorf("%w: 0x%04x", ErrProfile, uint16(h.profile))
	}
	config := srtp.Config{Profile: profile}
	if err := config.ExtractSessionKeysFromDTLS(exporter{h}, false); err != nil {
		return nil, err
	}

	return NewSession(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt)
}

// exporter is the keying material exporter of RFC 5705 for TLS 1.2.
type exporter struct{ h *Handshake }

func (e exporter) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	sum := hashOf(e.h.suite)
	if sum == nil {
		return nil, fmt.Errorf("%w: 0x%04x", ErrCipherSuite, e.h.suite)
	}
	seed := append([]byte(label), e.h.clientRandom...)

	return prf.PHash(e.h.master, append(seed, e.h.serverRandom...), length, sum)
}

// hashOf gives the hash of a cipher suite's pseudo-random function, nil for a
// suite not known here.
func hashOf(suite uint16) func() hash.Hash {
	switch dtls.CipherSuiteID(suite) {
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, dtls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8:
		return sha256.New
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return sha512.New384
	}

	return nil
}

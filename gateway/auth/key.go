package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"hutong/gateway/config"
)

// apiKeys are the keys of back ends, as hashes: a comparison then takes as long
// for every key shown, and no key stays in memory.
type apiKeys []apiKey

type apiKey struct {
	subject string
	sum     [sha256.Size]byte
}

func newAPIKeys(list []config.APIKey) (apiKeys, error) {
	var keys apiKeys
	for _, k := range list {
		key := apiKey{subject: "key:" + k.Name, sum: sha256.Sum256([]byte(k.Key))}
		if digits, hashed := strings.CutPrefix(k.Key, config.KeyHashPrefix); hashed {
			sum, err := hex.DecodeString(digits)
			if err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf("auth.api_keys: the key of %s is not %s and 64 hex digits", k.Name, config.KeyHashPrefix)
			}
			copy(key.sum[:], sum)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// find returns the subject whose key was shown. It compares with every key,
// whichever matches.
func (keys apiKeys) find(shown string) (subject string, ok bool) {
	if shown == "" || len(shown) > maxToken {
		return "", false
	}
	sum := sha256.Sum256([]byte(shown))
	for _, k := range keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 {
			subject, ok = k.subject, true
		}
	}
	return subject, ok
}

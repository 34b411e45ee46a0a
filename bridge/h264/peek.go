package h264

// ConfigOf returns the Config of the parameter sets in one RTP payload that
// starts a keyframe, such as the STAP-A browsers send first (RFC 6184 section
// 5.7.1), or nil when they are not both there.
func ConfigOf(payload []byte) *Config {
	if nalType(payload) != nalSTAPA {
		return nil
	}
	var nals [][]byte
	for b := payload[1:]; len(b) > 2 && len(nals) < 16; {
		size := int(b[0])<<8 | int(b[1])
		if b = b[2:]; size == 0 || size > len(b) {
			return nil
		}
		nals = append(nals, b[:size])
		b = b[size:]
	}
	c, err := (*Config)(nil).Update(nals)
	if err != nil {
		return nil
	}
	return c
}

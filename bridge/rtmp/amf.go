package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/yutopp/go-amf0"
	"github.com/yutopp/go-rtmp/message"
)

// What AMF0 may cost, whatever it says of itself.
const (
	maxAMFBytes  = 64 << 10
	maxAMFDepth  = 12
	maxAMFValues = 2048
	maxAMFString = 0xffff
)

// errAMF3 marks a value in AMF3, which we tell every peer we do not speak.
var errAMF3 = errors.New("AMF3 value; connect with objectEncoding 0")

// guardAMF checks AMF0 values and rewrites them in the part of AMF0 that the
// decoder behind it reads soundly: what it does not know becomes null, what it
// confuses (ECMA arrays, long strings, typed objects) becomes its plain form.
// Lengths are checked against the bytes that are there, so no value costs more
// than a constant times its own size.
func guardAMF(b []byte) ([]byte, error) {
	if len(b) > maxAMFBytes {
		return nil, badInput("%d bytes of AMF; at most %d are read", len(b), maxAMFBytes)
	}
	g := amfGuard{in: b, out: make([]byte, 0, len(b)+16)}
	for len(g.in) > 0 {
		if err := g.value(0); err != nil {
			return g.out, err
		}
	}
	return g.out, nil
}

type amfGuard struct {
	in, out []byte
	values  int
}

func (g *amfGuard) take(n int) ([]byte, error) {
	if n < 0 || n > len(g.in) {
		return nil, badInput("AMF value of %d bytes, %d are left", n, len(g.in))
	}
	b := g.in[:n]
	g.in = g.in[n:]
	return b, nil
}

func (g *amfGuard) value(depth int) error {
	if depth > maxAMFDepth {
		return badInput("AMF nested deeper than %d", maxAMFDepth)
	}
	if g.values++; g.values > maxAMFValues {
		return badInput("more than %d AMF values", maxAMFValues)
	}
	m, err := g.take(1)
	if err != nil {
		return err
	}
	start := len(g.out)
	switch amf0.Marker(m[0]) {
	case amf0.MarkerNumber:
		return g.number(0)
	case amf0.MarkerDate: // milliseconds, and a time zone to be ignored
		return g.number(2)
	case amf0.MarkerBoolean:
		b, err := g.take(1)
		if err != nil {
			return err
		}
		g.out = append(g.out, byte(amf0.MarkerBoolean), b[0])
	case amf0.MarkerString:
		s, err := g.string(2)
		g.out = append(g.out, byte(amf0.MarkerString))
		g.putString(s)
		return err
	case amf0.MarkerLongString, amf0.MarkerXMLDocument:
		s, err := g.string(4)
		g.out = append(g.out, byte(amf0.MarkerString))
		g.putString(s)
		return err
	case amf0.MarkerObject:
		return g.object(depth)
	case amf0.MarkerEcmaArray:
		if _, err := g.take(4); err != nil {
			return err
		}
		return g.object(depth)
	case amf0.MarkerTypedObject:
		if _, err := g.string(2); err != nil {
			return err
		}
		return g.object(depth)
	case amf0.MarkerStrictArray:
		if err := g.array(depth); err != nil {
			g.out = g.out[:start]
			return err
		}
	case amf0.MarkerNull, amf0.MarkerUndefined, amf0.MarkerUnsupported:
		g.out = append(g.out, byte(amf0.MarkerNull))
	case amf0.MarkerReference:
		g.out = append(g.out, byte(amf0.MarkerNull))
		_, err := g.take(2)
		return err
	case 0x11:
		return errAMF3
	default:
		return badInput("AMF marker 0x%02x", m[0])
	}
	return nil
}

func (g *amfGuard) number(skip int) error {
	b, err := g.take(8 + skip)
	if err != nil {
		return err
	}
	g.out = append(append(g.out, byte(amf0.MarkerNumber)), b[:8]...)
	return nil
}

// string takes a string with a length of size bytes before it.
func (g *amfGuard) string(size int) ([]byte, error) {
	b, err := g.take(size)
	if err != nil {
		return nil, err
	}
	n := uint32(binary.BigEndian.Uint16(b))
	if size == 4 {
		n = binary.BigEndian.Uint32(b)
	}
	if int64(n) > int64(len(g.in)) {
		return nil, badInput("AMF string of %d bytes, %d are left", n, len(g.in))
	}
	return g.take(int(n))
}

// putString writes a string as UTF-8 that fits a short string.
func (g *amfGuard) putString(s []byte) {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("?"))
	}
	if len(s) > maxAMFString {
		s = bytes.ToValidUTF8(s[:maxAMFString], nil)
	}
	g.out = binary.BigEndian.AppendUint16(g.out, uint16(len(s)))
	g.out = append(g.out, s...)
}

// object rewrites properties up to the end marker, or to the end of the input:
// some encoders leave the marker out.
func (g *amfGuard) object(depth int) error {
	g.out = append(g.out, byte(amf0.MarkerObject))
	for len(g.in) > 0 {
		key, err := g.string(2)
		if err != nil {
			return err
		}
		if len(key) == 0 && len(g.in) > 0 && g.in[0] == byte(amf0.MarkerObjectEnd) {
			g.in = g.in[1:]
			break
		}
		start := len(g.out)
		g.putString(key)
		if err := g.value(depth + 1); err != nil {
			return err
		}
		if len(key) == 0 { // the decoder would take it for the end
			g.out = g.out[:start]
		}
	}
	g.out = append(g.out, 0, 0, byte(amf0.MarkerObjectEnd))
	return nil
}

func (g *amfGuard) array(depth int) error {
	b, err := g.take(4)
	if err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(b)
	if int64(n) > int64(len(g.in)) {
		return badInput("AMF array of %d values in %d bytes", n, len(g.in))
	}
	g.out = append(append(g.out, byte(amf0.MarkerStrictArray)), b...)
	for range n {
		if err := g.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// decodeAMF returns the values in b: float64, bool, string, nil,
// map[string]any or []any.
func decodeAMF(b []byte) ([]any, error) {
	safe, err := guardAMF(b)
	if err != nil {
		return nil, err
	}
	return decodeGuarded(bytes.NewReader(safe))
}

func decodeGuarded(r io.Reader) ([]any, error) {
	var out []any
	d := amf0.NewDecoder(r)
	for {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, badInput("AMF: %v", err)
		}
		out = append(out, v)
	}
}

// encodeAMF writes values; structs become objects in the order of their fields.
func encodeAMF(values ...any) []byte {
	var b bytes.Buffer
	e := amf0.NewEncoder(&b)
	for _, v := range values {
		// A bytes.Buffer takes everything, and the values are our own.
		_ = e.Encode(v)
	}
	return b.Bytes()
}

// command is a command message: a name, the number its answer carries, and
// arguments.
type command struct {
	name string
	id   int64
	args []any
}

func decodeCommand(body []byte) (command, error) {
	safe, err := guardAMF(body)
	if err != nil {
		return command{}, err
	}
	var m message.Message
	if err := message.NewDecoder(bytes.NewReader(safe)).Decode(typeCommand, &m); err != nil {
		return command{}, badInput("command: %v", err)
	}
	cm := m.(*message.CommandMessage)
	args, err := decodeGuarded(cm.Body)
	return command{name: cm.CommandName, id: cm.TransactionID, args: args}, err
}

func encodeCommand(name string, id int64, args ...any) []byte {
	var b bytes.Buffer
	_ = message.NewEncoder(&b).Encode(&message.CommandMessage{
		CommandName: name, TransactionID: id, Encoding: message.EncodingTypeAMF0,
		Body: bytes.NewReader(encodeAMF(args...)),
	})
	return b.Bytes()
}

// text returns argument i if it is a string.
func (c command) text(i int) string {
	if i < len(c.args) {
		s, _ := c.args[i].(string)
		return s
	}
	return ""
}

// number returns argument i if it is a number.
func (c command) number(i int) float64 {
	if i < len(c.args) {
		n, _ := c.args[i].(float64)
		return n
	}
	return 0
}

// object returns argument i if it is an object.
func (c command) object(i int) map[string]any {
	if i < len(c.args) {
		o, _ := c.args[i].(map[string]any)
		return o
	}
	return nil
}

// printable bounds a peer's text for logs, statistics and metadata.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "")
	}
	return s
}

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// AMF0, as far as a client needs it: commands of strings, numbers, booleans, nulls and objects.

// object is an AMF0 object; keys are written sorted.
type object map[string]any

// appendAMF appends values: string, float64, bool, nil or object.
func appendAMF(b []byte, values ...any) []byte {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b = appendAMFString(append(b, 2), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(v))
		case bool:
			bit := byte(0)
			if v {
				bit = 1
			}
			b = append(b, 1, bit)
		case object:
			b = append(b, 3)
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				b = appendAMF(appendAMFString(b, k), v[k])
			}
			b = append(b, 0, 0, 9)
		default:
			b = append(b, 5)
		}
	}
	return b
}

func appendAMFString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

var errAMF = errors.New("malformed AMF0")

// parseAMF returns the values of a command. What it does not know ends the list without an error: a status is understood
// by its first few values.
func parseAMF(b []byte) (values []any, err error) {
	for len(b) > 0 {
		v, rest, err := parseAMFValue(b, 0)
		if err != nil {
			return values, err
		}
		values, b = append(values, v), rest
	}
	return values, nil
}

func parseAMFValue(b []byte, depth int) (v any, rest []byte, err error) {
	if len(b) == 0 || depth > 8 {
		return nil, nil, errAMF
	}
	kind, b := b[0], b[1:]
	switch kind {
	case 0:
		if len(b) < 8 {
			return nil, nil, errAMF
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), b[8:], nil
	case 1:
		if len(b) < 1 {
			return nil, nil, errAMF
		}
		return b[0] != 0, b[1:], nil
	case 2:
		return parseAMFString(b)
	case 3, 8:
		if kind == 8 { // an ECMA array is an object after a count
			if len(b) < 4 {
				return nil, nil, errAMF
			}
			b = b[4:]
		}
		o := object{}
		for {
			if len(b) >= 3 && b[0] == 0 && b[1] == 0 && b[2] == 9 {
				return o, b[3:], nil
			}
			k, rest, err := parseAMFString(b)
			if err != nil {
				return nil, nil, err
			}
			if v, b, err = parseAMFValue(rest, depth+1); err != nil {
				return nil, nil, err
			}
			o[k.(string)] = v
		}
	case 5, 6:
		return nil, b, nil
	}
	return nil, nil, fmt.Errorf("%w: type %d", errAMF, kind)
}

func parseAMFString(b []byte) (v any, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errAMF
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, errAMF
	}
	return string(b[2 : 2+n]), b[2+n:], nil
}

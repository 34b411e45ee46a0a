// Package e2e proves the gateway from outside: the built binary between real
// RTMP tools and real browsers, asserting the pictures and the sound that arrive.
// It holds tests only.
package e2e

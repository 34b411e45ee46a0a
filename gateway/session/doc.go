// Package session is a browser's presence in a room: what it says over its
// WebSocket, and its two peer connections, one that publishes and one that
// receives the others.
//
// A [Session] outlives its WebSocket for a while, so that a browser that changes
// networks resumes it and its media never stops. The [Hub] holds the sessions of
// this node.
package session

// Package wire speaks the protocol: operations of A2A 1.0 go in as the JSON of that version, and
// their results come out as such, whichever binding (JSON-RPC, HTTP+JSON) and dialect (1.0, 0.3,
// rvagent-0.1) the peer has. Payloads are passed on as they were written, numbers included.
//
// Reading order: wire.go, what others see; method.go, the operations; rpc.go, the
// binding; feed.go, streams; errors.go, what a peer's error means.
package wire

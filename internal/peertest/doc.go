// Package peertest holds the client of agents against agents that others wrote: a module of its
// own, so that what their library needs is never of the product.
//
// Reading order: peer_test.go, the agent, written with a2a-go; oracle_test.go, what we sent as that
// library's types read it; operations_test.go, what is asked. agent.py is an agent written with the
// Python SDK, which python/tests/test_a2a_peers.py starts.
package peertest

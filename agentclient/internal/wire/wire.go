package wire

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Interface is where a peer listens and what it speaks there.
type Interface = card.Interface

// The bindings and versions that are spoken.
const (
	JSONRPC  = "JSONRPC"
	HTTPJSON = "HTTP+JSON"
	Current  = "1.0"
	Former   = "0.3"
	Rvagent  = "rvagent-0.1"
)

// Call is one operation. Op is its name in A2A 1.0 ("GetTask") and Params its parameters there, an
// object; the interface's tenant is added to it. Header has what is sent beside, TaskID is the task
// that errors name.
type Call struct {
	Op     string
	Params json.RawMessage
	Header http.Header
	TaskID string
}

// Transport carries operations to one peer. Its methods may be called from any goroutine.
type Transport interface {
	// Call does an operation with one result, which comes as JSON of A2A 1.0.
	Call(ctx context.Context, call Call) (json.RawMessage, error)
	// Open does one whose result is a stream: SendStreamingMessage or SubscribeToTask. The context
	// bounds the opening alone.
	Open(ctx context.Context, call Call) (Feed, error)
	// Close gives up what the transport has of its own; the client of package web stays open.
	Close()
}

// Feed is a stream of events. Next is called by one goroutine at a time; Close by any, and ends a
// Next.
type Feed interface {
	// Next returns a StreamResponse of A2A 1.0, strict JSON as raw.Check has it. io.EOF says that the
	// peer ended the stream; every other error is of package problem, and the stream has ended too.
	// A context that ends within Next ends the stream.
	Next(ctx context.Context) (json.RawMessage, error)
	// Close ends the stream.
	Close() error
}

// Options are what all operations of a transport share.
type Options struct {
	// Extensions are what the caller asks for.
	Extensions []string
	// MaxEvent is the most bytes of one event, 0 for 4 MiB.
	MaxEvent int
}

// New returns the transport of an interface, whose address the client must trust already.
//
// Errors: UnsupportedPeer for a binding or version that is not spoken, InvalidArgument for an
// extension that is no URI.
func New(at Interface, client *web.Client, o Options) (Transport, error) {
	if o.MaxEvent <= 0 {
		o.MaxEvent = 4 << 20
	}
	line := &line{at: at, web: client, options: o}
	if err := line.prepare(); err != nil {
		return nil, err
	}
	switch at.Binding + " " + at.Version {
	case JSONRPC + " " + Current:
		return &rpc{line: line, dialect: current{}}, nil
	case JSONRPC + " " + Former:
		return &rpc{line: line, dialect: former{}}, nil
	case JSONRPC + " " + Rvagent:
		return newOldest(line), nil
	case HTTPJSON + " " + Current:
		return newREST(line)
	}
	e := problem.New(problem.UnsupportedPeer, "the agent speaks "+problem.Said(at.Version)+" over "+
		problem.Said(at.Binding)+", which this client does not",
		"ask its operator for A2A 1.0 over JSONRPC or HTTP+JSON, or 0.3 over JSONRPC")
	e.URL = problem.Address(at.URL)
	return nil, e.With("offered", []string{problem.Said(at.Binding + " " + at.Version)})
}

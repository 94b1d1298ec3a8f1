package wire

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
)

// isStream tells whether an answer is a stream of events.
func isStream(s *web.Stream) bool {
	return s.Status == http.StatusOK && media(s.Header) == "text/event-stream"
}

// feed is a stream of server-sent events, each of which read turns into JSON of A2A 1.0.
type feed struct {
	line   *line
	stream *web.Stream
	call   *prepared
	events *events.Reader
	read   func(name string, data []byte) (json.RawMessage, error)
	// reading is held by Next, so that Close lets go of the reader when nobody reads.
	reading sync.Mutex
	end     error
}

func newFeed(l *line, s *web.Stream, p *prepared,
	read func(string, []byte) (json.RawMessage, error)) *feed {
	return &feed{line: l, stream: s, call: p, read: read,
		events: events.NewReader(s, l.options.MaxEvent)}
}

// Next waits for an event.
func (f *feed) Next(ctx context.Context) (json.RawMessage, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.end != nil {
		return nil, f.end
	}
	stop := context.AfterFunc(ctx, func() { f.stream.Stop(context.Cause(ctx)) })
	defer stop()
	name, _, data, err := f.events.Next()
	var event json.RawMessage
	if err == nil {
		event, err = f.read(name, data)
	}
	if err != nil {
		if err != io.EOF {
			err = about(err, f.call)
		}
		f.end = err
		f.events.Close()
		_ = f.stream.Close() // never fails
	}
	return event, err
}

// Close ends the stream, and a Next that waits.
func (f *feed) Close() error {
	err := f.stream.Close()
	f.reading.Lock()
	defer f.reading.Unlock()
	f.events.Close()
	return err
}

// single is a stream of the one event with which some agents answer at once.
type single struct {
	mu    sync.Mutex
	event json.RawMessage
}

// Next returns the event, then io.EOF.
func (s *single) Next(context.Context) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event := s.event
	if s.event = nil; event == nil {
		return nil, io.EOF
	}
	return event, nil
}

// Close drops the event.
func (s *single) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.event = nil
	return nil
}

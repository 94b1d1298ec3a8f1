package events

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/tmaxmax/go-sse"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// MostEvent is how long an event may be where nobody says otherwise.
const MostEvent = 4 << 20

// Reader reads server-sent events one at a time (WHATWG HTML, section 9.2). It is for one
// goroutine. Comments are skipped, an event without data is none, and one that ends without its
// blank line is dropped, as the standard says.
type Reader struct {
	next func() (sse.Event, error, bool)
	stop func()
	most int
	end  error
}

// NewReader reads a body whose events are at most maxEvent bytes long; 0 is MostEvent. What lies
// between two blank lines is an event, comments too.
func NewReader(body io.Reader, maxEvent int) *Reader {
	if maxEvent <= 0 {
		maxEvent = MostEvent
	}
	r := &Reader{most: maxEvent}
	// The scanner under go-sse wants room for the blank line beside the event.
	r.next, r.stop = iter.Pull2(iter.Seq2[sse.Event, error](
		sse.Read(&blocks{body: body}, &sse.ReadConfig{MaxEventSize: maxEvent + 4})))
	return r
}

// Next returns an event: its type, "" where it has none, the last id that the peer gave, and its
// data, which is the caller's to keep. The error is io.EOF once the body ended, the body's own
// where reading failed, and ResponseTooLarge for an event over the limit; it stays the same from
// then on.
func (r *Reader) Next() (name, id string, data []byte, err error) {
	for r.end == nil {
		event, err, more := r.next()
		switch {
		case !more:
			r.finish(io.EOF)
		case errors.Is(err, bufio.ErrTooLong):
			r.finish(problem.New(problem.ResponseTooLarge,
				fmt.Sprintf("an event of the stream is longer than %d bytes", r.most),
				"raise the limit of events, or ask the agent for smaller ones").
				With("what", "event").With("limit", int64(r.most)))
		case err != nil:
			r.finish(err)
		case event.Data != "":
			return event.Type, event.LastEventID, []byte(event.Data), nil
		}
	}
	return "", "", nil, r.end
}

// Close lets go of what reading holds; it does not close the body. After it Next returns io.EOF.
func (r *Reader) Close() {
	if r.end == nil {
		r.finish(io.EOF)
	}
}

func (r *Reader) finish(err error) {
	r.end = err
	r.stop()
}

// blocks gives a body on in pieces that end with a blank line, or are as long as all that was given
// on since the last one. The scanner of go-sse looks at an unfinished event from its start whenever
// a piece arrives: an event that trickles in by single bytes would cost the square of its length.
type blocks struct {
	body io.Reader
	err  error
	// held is what came and was not given on; whole of it is up to a blank line. given is what was
	// given on of an event that is not whole.
	held         []byte
	whole, given int
	// text tells that the last line has characters, cr that the last byte was a carriage return.
	text, cr bool
	piece    [4096]byte
}

// Read implements io.Reader.
func (b *blocks) Read(p []byte) (int, error) {
	for b.err == nil && b.whole == 0 && (len(b.held) == 0 || len(b.held) < b.given) {
		var n int
		n, b.err = b.body.Read(b.piece[:])
		b.look(b.piece[:n])
	}
	if b.whole > 0 {
		n := copy(p, b.held[:b.whole])
		b.whole -= n
		b.given = 0
		b.drop(n)
		return n, nil
	}
	if n := copy(p, b.held); n > 0 {
		b.given += n
		b.drop(n)
		return n, nil
	}
	return 0, b.err
}

func (b *blocks) drop(n int) { b.held = b.held[:copy(b.held, b.held[n:])] }

// look finds blank lines in what has come.
func (b *blocks) look(piece []byte) {
	for i, c := range piece {
		switch {
		case c == '\n' && b.cr:
			if b.whole == len(b.held)+i {
				b.whole++
			}
			b.cr = false
		case c == '\n' || c == '\r':
			if !b.text {
				b.whole = len(b.held) + i + 1
			}
			b.text, b.cr = false, c == '\r'
		default:
			b.text, b.cr = true, false
		}
	}
	b.held = append(b.held, piece...)
}

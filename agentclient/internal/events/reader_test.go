package events

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/agenttest"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// read returns all events of a body as "type|id|data", and how it ended.
func read(body io.Reader, most int) ([]string, error) {
	r := NewReader(body, most)
	defer r.Close()
	var found []string
	for {
		name, id, data, err := r.Next()
		if err != nil {
			_, _, _, again := r.Next()
			if again != err {
				return found, fmt.Errorf("%v, then %v", err, again)
			}
			return found, err
		}
		found = append(found, name+"|"+id+"|"+string(data))
	}
}

// The pieces that a body arrives in make no difference.
func pieces(text string) map[string]io.Reader {
	return map[string]io.Reader{
		"whole": strings.NewReader(text),
		"bytes": iotest.OneByteReader(strings.NewReader(text)),
		"half":  iotest.HalfReader(strings.NewReader(text)),
		"error": iotest.DataErrReader(strings.NewReader(text)),
	}
}

func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"plain":       {"data: a\n\ndata:b\n\n", []string{"||a", "||b"}},
		"names":       {"event: status\nid: 7\ndata: a\n\ndata: b\n\n", []string{"status|7|a", "|7|b"}},
		"lines":       {"data: a\ndata:\ndata:  b\n\n", []string{"||a\n\n b"}},
		"ends":        {"data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", []string{"||a", "||b", "||c"}},
		"comments":    {": hi\n\n:\n\n: x\ndata: a\n: y\n\n", []string{"||a"}},
		"no data":     {"event: x\n\nid: 1\n\ndata\n\ndata: a\n\n", []string{"|1|a"}},
		"unknown":     {"what: x\nretry: 5\ndata: a\nnothing\n\n", []string{"||a"}},
		"mark":        {"\xef\xbb\xbfdata: a\n\n", []string{"||a"}},
		"no end":      {"data: a\n\ndata: b\n", []string{"||a"}},
		"no line":     {"data: a\n\ndata: b", []string{"||a"}},
		"blank lines": {"\n\r\n\n\ndata: a\n\n\n\n\n", []string{"||a"}},
		"empty":       {"", nil},
	} {
		for how, body := range pieces(c.body) {
			found, err := read(body, 0)
			assert.Equal(t, io.EOF, err, "%s, %s", name, how)
			assert.Equal(t, c.want, found, "%s, %s", name, how)
		}
	}
}

func TestLongEventsEndTheStream(t *testing.T) {
	long := "data: " + strings.Repeat("x", 1000-len("data: \n"))
	for name, body := range map[string]string{
		"line":     "data: a\n\n" + long + "xxxxxx\n\n",
		"no end":   "data: a\n\n" + strings.Repeat("x", 5000),
		"lines":    "data: a\n\n" + strings.Repeat("data: x\n", 200) + "\n",
		"comments": "data: a\n\n" + strings.Repeat(": ping\n", 1_000_000),
	} {
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(body),
			"half": iotest.HalfReader(strings.NewReader(body))} {
			found, err := read(r, 1000)
			require.True(t, problem.Is(err, problem.ResponseTooLarge), "%s, %s: %v", name, how, err)
			assert.Contains(t, err.Error(), "longer than 1000 bytes", name)
			assert.Equal(t, []string{"||a"}, found, name)
		}
	}
	found, err := read(strings.NewReader(long+"\n\n"), 1000)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, found, 1)
	many := strings.Repeat(": ping\n\n", 100_000) + "data: a\n\n"
	found, err = read(strings.NewReader(many), 1000)
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, []string{"||a"}, found)
}

func TestWhatBreaksABodyIsReported(t *testing.T) {
	gone := errors.New("connection reset")
	body := strings.NewReader("data: a\n\ndata: b")
	found, err := read(io.MultiReader(body, iotest.ErrReader(gone)), 0)
	assert.Equal(t, gone, err)
	assert.Equal(t, []string{"||a"}, found)
	r := NewReader(strings.NewReader("data: a\n\ndata: b\n\n"), 0)
	_, _, data, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, "a", string(data))
	r.Close()
	r.Close()
	_, _, _, err = r.Next()
	assert.Equal(t, io.EOF, err)
}

// An event is there as soon as its blank line is, not when the next one comes.
func TestAnEventDoesNotWaitForTheNext(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
		in, out := io.Pipe()
		r := NewReader(in, 0)
		sent := make(chan error, 1)
		go func() { _, err := out.Write([]byte("data: a" + end)); sent <- err }()
		_, _, data, err := r.Next()
		require.NoError(t, err)
		require.NoError(t, <-sent)
		assert.Equal(t, "a", string(data), "%q", end)
		out.Close()
		_, _, _, err = r.Next()
		assert.Equal(t, io.EOF, err)
	}
}

// counter counts how often the scanner looks at bytes.
type counter struct {
	io.Reader
	reads, bytes int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.reads++
	c.bytes += n
	return n, err
}

// A megabyte that arrives byte by byte is given to the scanner in few pieces, as it looks at the
// whole event again with each.
func TestTrickledEventsCostNoSquare(t *testing.T) {
	text := "data: " + strings.Repeat("x", 1<<20) + "\n\n"
	b := &blocks{body: iotest.OneByteReader(strings.NewReader(text))}
	c := &counter{Reader: b}
	found, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, text, string(found))
	assert.Less(t, c.reads, 3000)
	events, err := read(iotest.OneByteReader(strings.NewReader(text)), 0)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, events, 1)
}

// streams are where inputs made for streams begin.
var streams = []string{"data: a\n\n", "event: x\r\nid: 1\r\ndata: a\r\n\r\n", "data\r\r",
	": c\n\ndata: \x00\n\n", "id: \x00\n\n", "\xef\xbb\xbfdata: a\n\n"}

func FuzzSSE(f *testing.F) {
	for _, seed := range streams {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { readBothWays(t, body) })
}

func TestMutatedStreams(t *testing.T) {
	agenttest.Mutations(t, streams, func(t testing.TB, next func() []byte) {
		readBothWays(t, next())
	})
}

// readBothWays reads a body in one piece and byte by byte.
func readBothWays(t testing.TB, body []byte) {
	whole, err := read(strings.NewReader(string(body)), 256)
	if err != io.EOF && !problem.Is(err, problem.ResponseTooLarge) {
		t.Fatal(err)
	}
	parts, ended := read(iotest.OneByteReader(strings.NewReader(string(body))), 256)
	if fmt.Sprint(whole) != fmt.Sprint(parts) || (err == io.EOF) != (ended == io.EOF) {
		t.Fatalf("%q: %q, %v in one piece; %q, %v byte by byte", body, whole, err, parts, ended)
	}
	for _, event := range whole {
		if len(event) > 256+8 {
			t.Fatalf("an event of %d bytes", len(event))
		}
	}
}

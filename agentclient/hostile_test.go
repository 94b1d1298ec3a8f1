package agentclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// What agents send that means harm, or is a mistake, is an error of its own (H9), unless it is of a
// later version.
func TestHostileEvents(t *testing.T) {
	event := func(id, result string) func(*answer) {
		return func(a *answer) {
			a.raw(`data: {"jsonrpc":"2.0","id":` + id + `,"result":` + result + "}\n\n")
		}
	}
	sends := func(texts ...string) func(*answer) { return func(a *answer) { a.events(texts...) } }
	sent := func(text string) func(*answer) { return func(a *answer) { a.raw(text) } }
	ok, bad := problem.None, problem.InvalidAgentResponse
	for name, c := range map[string]struct {
		then func(*answer)
		code problem.Code
	}{
		"error instead of events": {func(a *answer) { a.fail(-32005, "no") },
			problem.ContentTypeNotSupported},
		"a page":          {func(a *answer) { fmt.Fprint(a.w, "<html>") }, bad},
		"wrong id":        {event(`"x"`, task(Working)), bad},
		"id is a number":  {event(`1`, task(Working)), bad},
		"id is null":      {event(`null`, task(Working)), bad},
		"two payloads":    {sends(`{"task":{"id":"t","status":{}},"message":{}}`), bad},
		"null":            {sends("null"), bad},
		"no object":       {sends("[]"), bad},
		"another task":    {sends(task(Working), strings.Replace(task(Failed), `"t"`, `"u"`, 1)), bad},
		"a message of it": {sends(task(Working), `{"message":{"taskId":"u"}}`), bad},
		"no JSON":         {sent("data: {\n\n"), bad},
		"keys twice":      {sent(`data: {"id":1,"id":2}` + "\n\n"), bad},
		"deep":            {sends(strings.Repeat("[", 70) + strings.Repeat("]", 70)), bad},
		"no UTF-8":        {sends(`{"task":{"id":"` + "\xff" + `"}}`), bad},
		"error event": {func(a *answer) {
			a.raw(`data: {"jsonrpc":"2.0","id":` + string(a.id) + `,"error":{"code":-32603,` +
				`"message":"x"}}` + "\n\n")
		}, problem.PeerInternalError},
		"after the end":     {sends(task(Completed), "null"), ok},
		"end, then silence": {func(a *answer) { a.events(task(Completed)); a.hang() }, ok},
		"unknown payload":   {sends(`{"new":1}`, task(Completed)), ok},
		"bad timestamp": {sends(`{"statusUpdate":{"taskId":"t","status":{"state":3,
			"timestamp":"yesterday"}}}`), ok},
	} {
		p := streaming(t, map[string]func(*answer){"SendStreamingMessage": c.then})
		s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
		if err == nil {
			if _, err = all(t, s); err == io.EOF {
				err = nil
			}
		}
		assert.Equal(t, c.code, problem.CodeOf(err), "%s: %v", name, err)
		assert.Equal(t, 1, len(p.calls()), name)
	}
}

// fill writes until nobody reads.
func fill(a *answer, piece string) {
	a.w.Header().Set("Content-Type", "text/event-stream")
	for {
		if _, err := io.WriteString(a.w, piece); err != nil {
			return
		}
	}
}

// What never ends, or swells, or trickles, ends in bounded memory (H8).
func TestHostileBodies(t *testing.T) {
	o := Options{Limits: Limits{Event: 64 << 10, Body: 64 << 10, Task: 1 << 20},
		Resume: Resume{Off: true}}
	filled := func(piece string) func(*answer) { return func(a *answer) { fill(a, piece) } }
	large := problem.ResponseTooLarge
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 16<<20))
	_ = z.Close()
	for name, c := range map[string]struct {
		then func(*answer)
		code problem.Code
	}{
		"long line":     {filled(strings.Repeat("x", 4096)), large},
		"long event":    {filled("data: " + strings.Repeat("x", 4096) + "\n"), large},
		"comments":      {filled(strings.Repeat(": x\n", 1000)), large},
		"no event":      {func(a *answer) { a.raw("data: x\n"); a.hang() }, problem.Timeout},
		"silence":       {func(a *answer) { a.raw(": x\n\n"); a.hang() }, problem.Timeout},
		"endless JSON":  {endless, large},
		"endless task":  {endlessTask, large},
		"unended event": {func(a *answer) { a.raw("data: {}\n") }, problem.StreamInterrupted},
		"bomb": {func(a *answer) {
			a.w.Header().Set("Content-Type", "text/event-stream")
			a.w.Header().Set("Content-Encoding", "gzip")
			_, _ = a.w.Write(bomb.Bytes())
		}, large},
	} {
		p := streaming(t, map[string]func(*answer){"SendStreamingMessage": c.then})
		if o.Timeouts.Idle = patience; c.code == problem.Timeout {
			o.Timeouts.Idle = 200 * time.Millisecond
		}
		s, err := p.connect(o).Stream(soon(t), Text("x"))
		for err == nil {
			_, err = s.Next(soon(t))
		}
		// A silence is a broken connection, which is not taken up again here.
		if c.code == problem.Timeout {
			assert.Equal(t, problem.StreamInterrupted, problem.CodeOf(err), "%s: %v", name, err)
			assert.Contains(t, err.Error(), "silent", name)
			continue
		}
		assert.Equal(t, c.code, problem.CodeOf(err), "%s: %v", name, err)
	}
}

func endless(a *answer) {
	a.w.Header().Set("Content-Type", "application/json")
	for {
		if _, err := io.WriteString(a.w, strings.Repeat(" ", 4096)); err != nil {
			return
		}
	}
}

func endlessTask(a *answer) {
	a.events(task(Working))
	text := strings.Repeat("x", 32<<10)
	for a.gone.Err() == nil {
		a.events(piece(text))
	}
}

// descriptors is how many files and sockets the process has open.
func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not list descriptors")
	}
	return len(list)
}

// wayward is an agent whose streams end in all ways, as metadata of the message says.
func wayward(t *testing.T) *peer {
	p := streaming(t, map[string]func(*answer){})
	p.now("SendStreamingMessage", func(a *answer) {
		message, _ := a.params.Object("message")
		metadata, _ := message.Object("metadata")
		way, _ := metadata.Number("way")
		if way < 4 {
			a.events(task(Working))
		}
		switch way {
		case 0: // to the end
			a.events(piece("x"), state(Completed))
		case 2: // more than anybody takes
			for a.gone.Err() == nil {
				a.events(piece(strings.Repeat("x", 4096)))
			}
		case 3: // broken, and never mended
			a.cut()
		default: // for ever, and nothing at all
			a.hang()
		}
	})
	p.now("SubscribeToTask", func(a *answer) { a.cut() })
	return p
}

// A hundred streams at once, ended in all ways, leave nothing behind.
func TestNothingIsLeftOfStreams(t *testing.T) {
	p := wayward(t)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	client := p.connect(Options{})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for n := range 100 {
		running.Add(1)
		go func() {
			defer running.Done()
			spec := Text("x")
			spec.Message = raw.Of(map[string]any{"parts": []any{map[string]any{"text": "x"}},
				"metadata": map[string]any{"way": n % 5}})
			s, err := client.Stream(ctx, spec)
			if err != nil {
				return
			}
			for range n % 7 {
				_, _ = s.Next(ctx)
			}
			if n%3 == 0 {
				_ = s.Close()
			}
		}()
	}
	require.Eventually(t, func() bool { return p.times("SendStreamingMessage") == 100 }, patience,
		time.Millisecond)
	stop()
	running.Wait()
	require.NoError(t, client.Close())
	assert.Empty(t, client.streams)
	until := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines || descriptors(t) > files {
		if time.Now().After(until) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines were %d, %d descriptors were %d: %s", runtime.NumGoroutine(),
				goroutines, descriptors(t), files, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Closing returns when nothing of the client runs any more, whatever it was at.
func TestClosingInTheMidstOfEverything(t *testing.T) {
	for range 20 {
		p := streaming(t, map[string]func(*answer){
			"SendStreamingMessage": func(a *answer) { a.events(task(Working)) },
			"SubscribeToTask":      func(a *answer) { a.events(task(Working)) },
			"GetTask":              func(a *answer) { a.hang() },
		})
		c := p.connect(Options{})
		var running sync.WaitGroup
		for range 4 {
			running.Add(2)
			go func() {
				defer running.Done()
				state, err := c.Run(context.Background(), Text("x"))
				assert.Error(t, err)
				_ = state
			}()
			go func() {
				defer running.Done()
				_, err := c.GetTask(context.Background(), "t", nil)
				assert.Error(t, err)
			}()
		}
		require.Eventually(t, func() bool { return len(p.calls()) > 8 }, patience, time.Millisecond)
		require.NoError(t, c.Close())
		running.Wait()
	}
}

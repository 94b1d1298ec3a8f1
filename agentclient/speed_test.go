package agentclient

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkUpdates is what one update of a stream costs in Go: from the socket to who takes it. The
// agent's part is not counted: it writes what was made before, in another process's stead.
func BenchmarkUpdates(b *testing.B) {
	p := streaming(b, map[string]func(*answer){})
	p.now("SendStreamingMessage", func(a *answer) {
		a.events(task(Working))
		one := fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", a.id,
			strings.ReplaceAll(piece("some words of an answer that is streamed"), "\n", ""))
		batch := strings.Repeat(one, 100)
		for n := 0; n < b.N; n += 100 {
			_, _ = io.WriteString(a.w, batch)
		}
		a.events(state(Completed))
	})
	s, err := p.connect(Options{}).Stream(soon(b), Text("x"))
	require.NoError(b, err)
	b.ReportAllocs()
	before := processor(b)
	b.ResetTimer()
	taken := 0
	ready := make(chan bool, 1)
	s.OnReady(func() {
		select {
		case ready <- true:
		default:
		}
	})
	for done := false; !done; {
		var list []Update
		list, done, err = s.Take(256)
		require.NoError(b, err)
		if taken += len(list); len(list) == 0 && !done {
			<-ready
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((processor(b)-before).Nanoseconds())/float64(taken), "cpu-ns/update")
}

// processor is the time that all processors have spent on this process.
func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

package mem

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// garbage is what the runtime tells of its heap, and where it is asked.
var garbage = struct {
	sync.Mutex
	samples []metrics.Sample
}{samples: []metrics.Sample{
	{Name: "/gc/heap/live:bytes"},                // what the last collection found in use
	{Name: "/memory/classes/heap/objects:bytes"}, // the same now, with what is not used any more
}}

// liveShare is the part of the heap in use that garbage may always take: a collection looks through
// all that is in use, so that others' large heaps are not looked through again and again.
const liveShare = 4

// Collect runs a collection when more than so many bytes of Go's heap may be garbage, and more than
// a quarter of what is in use. The runtime by itself waits for a multiple of what is in use. Safe
// for concurrent use.
func Collect(most int64) {
	garbage.Lock()
	metrics.Read(garbage.samples)
	live, now := garbage.samples[0].Value.Uint64(), garbage.samples[1].Value.Uint64()
	garbage.Unlock()
	if int64(now-min(live, now)) > max(most, int64(live/liveShare)) {
		runtime.GC()
	}
}

// Package agenttest makes inputs of agents that mean harm, for the tests of the client.
package agenttest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// mutations is how many inputs each target gets: checks/fuzz.sh gives a million. The fuzzing of Go
// makes ten thousand a second of them, and finds ways that nobody thought of; this makes a hundred
// thousand, of the ways that are known.
var mutations = flag.Int("mutations", 2000, "inputs that Mutations makes for a target")

// mostHeld is what may be held in all once every input was looked at.
const mostHeld = 64 << 20

// words are what attackers put where something else was.
var words = []string{"null", "[]", "{}", "true", "0", "-1", "1e999", "1e-400", "9007199254740993",
	`"\ud800"`, `""`, `"\u0000"`, `"TASK_STATE_"`, "[[[[[[[[", `{"a":`, ",", ":", `"`, "\\", "\x00",
	"\xff", "\ufeff", "\r\n", "\n\n", "data: ", "event: error\n", "id", "ID", "taskId", "url", "URL",
	"kind", "parts", "append", "https://evil.example/", "http://169.254.169.254/", "..", "%2e"}

// Mutations calls check for as many inputs as -mutations says, on all processors. What next returns
// is a seed with a few changes; check may take several. The inputs are the same every time. A check
// that panics or fails is told with the inputs that it took.
func Mutations(t *testing.T, seeds []string, check func(t testing.TB, next func() []byte)) {
	t.Helper()
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(17, uint64(worker)))
			for i := worker; i < *mutations && !t.Failed(); i += workers {
				if said := once(t, random, seeds, check); said != "" {
					t.Error(said)
				}
			}
		}()
	}
	all.Wait()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > mostHeld {
		t.Errorf("%d MiB are held after %d inputs", memory.HeapAlloc>>20, *mutations)
	}
}

// once runs one check; where it fails it returns why, with what it took.
func once(t *testing.T, random *rand.Rand, seeds []string,
	check func(t testing.TB, next func() []byte)) (said string) {
	var took [][]byte
	tell := &told{TB: t}
	defer func() {
		if thrown := recover(); thrown != nil && thrown != tell {
			tell.said = fmt.Sprint("panic: ", thrown)
		}
		if tell.said != "" {
			said = fmt.Sprintf("%s\ninputs %q", tell.said, took)
		}
	}()
	check(tell, func() []byte {
		took = append(took, mutated(random, seeds))
		return took[len(took)-1]
	})
	return ""
}

// told keeps what a check complains of; only the first failure counts.
type told struct {
	testing.TB
	said string
}

func (t *told) Helper() {}

func (t *told) Fatal(arguments ...any) {
	t.said = fmt.Sprint(arguments...)
	panic(t)
}

func (t *told) Fatalf(format string, arguments ...any) {
	t.Fatal(fmt.Sprintf(format, arguments...))
}

func (t *told) Error(arguments ...any) { t.Fatal(arguments...) }

func (t *told) Errorf(format string, arguments ...any) {
	t.Fatal(fmt.Sprintf(format, arguments...))
}

func (t *told) FailNow() { t.Fatal("failed") }

// mutated returns a seed with one to four changes.
func mutated(random *rand.Rand, seeds []string) []byte {
	data := []byte(seeds[random.IntN(len(seeds))])
	for range 1 + random.IntN(4) {
		from, to := cut(random, len(data))
		switch random.IntN(6) {
		case 0: // a byte is another
			if len(data) > 0 {
				data[random.IntN(len(data))] = byte(random.Uint32())
			}
		case 1: // a piece is gone
			data = join(data[:from], nil, data[to:])
		case 2: // a piece is there twice
			data = join(data[:to], data[from:to], data[to:])
		case 3: // a word is put in
			data = join(data[:from], []byte(words[random.IntN(len(words))]), data[from:])
		case 4: // a word replaces what stands between two marks
			from, to = value(data, from)
			data = join(data[:from], []byte(words[random.IntN(len(words))]), data[to:])
		case 5: // a piece of another seed is put in
			other := seeds[random.IntN(len(seeds))]
			begin, end := cut(random, len(other))
			data = join(data[:from], []byte(other[begin:end]), data[from:])
		}
	}
	return data
}

// cut returns the ends of a piece of n bytes: short ones mostly.
func cut(random *rand.Rand, n int) (int, int) {
	from := random.IntN(n + 1)
	longest := min(n-from, 1<<random.IntN(8))
	return from, from + random.IntN(longest+1)
}

func join(a, b, c []byte) []byte {
	made := make([]byte, 0, len(a)+len(b)+len(c))
	return append(append(append(made, a...), b...), c...)
}

// value returns the ends of what looks like a value of JSON at or behind a place.
func value(data []byte, at int) (int, int) {
	mark := func(c byte) bool {
		return c == ':' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}'
	}
	for at < len(data) && !mark(data[at]) {
		at++
	}
	from := min(at+1, len(data))
	to := from
	for to < len(data) && !mark(data[to]) {
		to++
	}
	return from, to
}

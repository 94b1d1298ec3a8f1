package agenttest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

const seed = `{"name":"a","skills":[{"id":"b","tags":["c","d"]}],"n":7,"ok":true}`

func TestEveryInputIsMade(t *testing.T) {
	var checks, inputs atomic.Int64
	Mutations(t, []string{seed}, func(_ testing.TB, next func() []byte) {
		checks.Add(1)
		for range 3 {
			if next() != nil {
				inputs.Add(1)
			}
		}
	})
	assert.Equal(t, int64(*mutations), checks.Load())
	assert.Equal(t, 3*checks.Load(), inputs.Load())
}

// A part stays JSON, or nothing behind the parser would be reached.
func TestInputsAreOftenRightAndOftenWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	right, same, other := 0, 0, map[string]bool{}
	for range 10_000 {
		data := mutated(random, []string{seed, `{"a":1}`})
		other[string(data)] = true
		if json.Valid(data) {
			right++
		}
		if bytes.Equal(data, []byte(seed)) {
			same++
		}
	}
	assert.Greater(t, right, 500)
	assert.Less(t, right, 5000)
	assert.Less(t, same, 2000)
	assert.Greater(t, len(other), 6000)
}

func TestNoSeedIsTooShort(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		assert.LessOrEqual(t, len(mutated(random, []string{"", "x"})), 1024)
	}
}

// What fails is told with its inputs, whichever way it fails.
func TestFailuresAreTold(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for name, check := range map[string]func(t testing.TB, next func() []byte){
		"panic: runtime error": func(_ testing.TB, next func() []byte) { _ = next()[1<<20] },
		"odd 7":                func(t testing.TB, next func() []byte) { next(); t.Fatalf("odd %d", 7) },
		"not what":             func(t testing.TB, next func() []byte) { next(); t.Error("not what") },
	} {
		said := once(t, random, []string{seed}, check)
		assert.True(t, strings.HasPrefix(said, name), said)
		assert.Contains(t, said, "inputs [\"", said)
	}
	assert.Empty(t, once(t, random, nil, func(testing.TB, func() []byte) {}))
}

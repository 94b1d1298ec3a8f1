package benchmarks

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// BenchmarkLoaded searches an index file with one query at a time on the calling goroutine: the
// same call that Python makes, without Python. benchmarks/run.py writes the two files and names
// them in RUVECTOR_BENCH_INDEX (saved with its vectors) and RUVECTOR_BENCH_QUERIES (float32,
// little endian, row-major).
func BenchmarkLoaded(b *testing.B) {
	path := os.Getenv("RUVECTOR_BENCH_INDEX")
	if path == "" {
		b.Skip("RUVECTOR_BENCH_INDEX names no index file")
	}
	data, err := os.ReadFile(path)
	require.NoError(b, err)
	ctx := context.Background()
	index, err := arrowidx.Decode(ctx, data)
	require.NoError(b, err)
	defer index.Close()
	queries := readFloats(b, os.Getenv("RUVECTOR_BENCH_QUERIES"))
	const k = 10
	d := index.Dim()
	out := arrowidx.SearchOut{
		Rows: make([]int64, k), Scores: make([]float32, k), Counts: make([]int64, 1),
	}
	at := 0
	var spent []time.Duration
	for b.Loop() {
		begin := time.Now()
		params := arrowidx.SearchParams{
			Queries: queries[at : at+d], NQ: 1, K: k, Rerank: -1, Threads: 1,
		}
		if _, err := index.Search(ctx, &params, &out); err != nil {
			b.Fatal(err)
		}
		spent = append(spent, time.Since(begin))
		if at += d; at == len(queries) {
			at = 0
		}
	}
	slices.Sort(spent)
	b.ReportMetric(float64(spent[len(spent)/2].Nanoseconds()), "median-ns")
}

// readFloats reads a file of little-endian float32.
func readFloats(b *testing.B, path string) []float32 {
	data, err := os.ReadFile(path)
	require.NoError(b, err)
	floats := make([]float32, len(data)/4)
	for i := range floats {
		floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return floats
}

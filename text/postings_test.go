package text

import (
	"context"
	"fmt"
	"math"
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostingsComeBackAsTheyWereWritten(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	numbers := []uint32{0, 1, 2, 63, 64, 127, 128, 1 << 14, 1 << 20, math.MaxUint32}
	var written [][2]uint32
	var b []byte
	for range 2000 {
		gap, tf := numbers[r.IntN(len(numbers))], max(numbers[r.IntN(len(numbers))], 1)
		if r.IntN(2) == 0 {
			tf = 1
		}
		before := len(b)
		b = appendPosting(b, gap, tf)
		require.LessOrEqual(t, len(b)-before, mostPosting)
		written = append(written, [2]uint32{gap, tf})
	}
	var read [][2]uint32
	for len(b) > 0 {
		var gap, tf uint32
		gap, tf, b = readPosting(b)
		read = append(read, [2]uint32{gap, tf})
	}
	require.Equal(t, written, read, "seed %d", seed)
	require.Len(t, appendPosting(nil, 63, 1), 1, "a near row with the term once is one byte")
}

func TestTermsAreNumberedAsTheyAreMetAndSortedByBytes(t *testing.T) {
	var v vocabulary
	for range 2 {
		v.reset()
		var want []string
		for i := range 5000 { // beyond what the first table holds
			term := fmt.Sprintf("term %d", (i*7919)%5003)
			require.EqualValues(t, i, v.number([]byte(term)))
			want = append(want, term)
		}
		require.EqualValues(t, 17, v.number([]byte(want[17])))
		require.Equal(t, 5000, v.len())
		order, err := v.sorted(t.Context(), nil)
		require.NoError(t, err)
		slices.Sort(want)
		for i, n := range order {
			require.Equal(t, want[i], string(v.term(int(n))))
		}
	}
}

func TestSortingTermsEndsWithItsContext(t *testing.T) {
	var v vocabulary
	for i := range 50_000 {
		v.number(fmt.Appendf(nil, "%d", i*7919%50_021))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.sorted(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPieceFindsItsTermsAndNoOthers(t *testing.T) {
	p, err := newPiece(3, 5, 7)
	require.NoError(t, err)
	copy(p.text, "abbcc")
	copy(p.ends, []int64{1, 3, 5})
	copy(p.stops, []int64{2, 2, 7})
	copy(p.postings, "1122222")
	for term, want := range map[string]int{"a": 0, "bb": 1, "cc": 2, "": -1, "b": -1, "d": -1} {
		require.Equal(t, want, p.find([]byte(term)), term)
	}
	require.Equal(t, "11", string(p.of(0)))
	require.Empty(t, p.of(1))
	require.Equal(t, "22222", string(p.of(2)))
	require.True(t, p.above([]byte("Z")))
	require.False(t, p.above([]byte("a")))
	p.slab.Free()
}

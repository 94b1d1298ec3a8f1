package arrowidx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// numbersFrom are n ids that count from one on.
func numbersFrom(first, n int) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(int64(first + i))
	}
	return b.NewArray()
}

// addNamed adds rows under ids that count from one on.
func addNamed(t *testing.T, ix *Index, rows []float32, d, first int, o AddOptions) int {
	t.Helper()
	col := columnOf(t, rows, d)
	defer col.Release()
	ids, err := NewIDs(numbersFrom(first, len(rows)/d))
	require.NoError(t, err)
	replaced, err := ix.Add(t.Context(), ids, col, o)
	require.NoError(t, err)
	return replaced
}

// tailOf is a digest of all that searches read of the rows added.
func tailOf(v *segment.Version) [sha256.Size]byte {
	h := sha256.New()
	for i, p := range v.Segments[1:] {
		fmt.Fprint(h, p.Rows, p.Usable, p.Alive, p.Gone, p.Owner, v.Starts[i+1], p.IDs.Bytes())
		for r := range int64(p.Rows) {
			fmt.Fprint(h, p.IDs.Name(r), p.Source.Row(int(r), nil))
		}
		if p.Codes != nil {
			_, _ = h.Write(p.Codes.Span(0, p.Codes.Count))
			_, _ = h.Write(p.Codes.ExtraSpan(0, p.Codes.Rows))
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// encoded is the file of an index.
func encoded(t *testing.T, ix *Index) []byte {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &file, ix.Info().Vectors))
	return file.Bytes()
}

// Rows that follow each other lie in two segments however many they are, and every version stays
// byte by byte what it was while more rows come behind its own.
func TestVersionsOfAReserveStayWhatTheyWere(t *testing.T) {
	const n, d, more = 400, 40, 700
	rows := blobs(t, 730, n+more, d, 8)
	for _, kind := range []Kind{Flat, IVF} {
		ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: KeepCopy}, nil)
		var uses []use
		var were [][sha256.Size]byte
		for at, step := n, 0; at < n+more; at += step {
			step = min([]int{1, 1, 30, 3, 64, 32, 100}[len(uses)%7], n+more-at)
			addRows(t, ix, rows[at*d:(at+step)*d], d, step)
			u, err := ix.enter("search")
			require.NoError(t, err)
			require.LessOrEqual(t, len(u.v.Segments), 3, kind)
			require.Equal(t, at+step, u.v.Rows())
			uses, were = append(uses, u), append(were, tailOf(u.v))
		}
		for i := range uses {
			require.Equal(t, were[i], tailOf(uses[i].v), "%s: version %d", kind, i)
			ix.leave(&uses[i], new(error))
		}
		for row := range int64(n + more) {
			require.Equal(t, rows[int(row)*d:int(row+1)*d], ix.vectorAt(t, row, make([]float32, d)))
		}
	}
}

// A deletion among the rows of a reserve ends it: the rows are there or gone as they should be, and
// the file is that of an index of the same rows.
func TestAReserveEndsWhereItsRowsAreDeleted(t *testing.T) {
	const n, d, more = 300, 24, 400
	rows := blobs(t, 731, n+more, d, 8)
	for _, keep := range []Keep{KeepCopy, KeepBorrow, KeepNone} {
		for _, kind := range []Kind{Flat, IVF} {
			ids, err := NewIDs(numbersFrom(0, n))
			require.NoError(t, err)
			ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: keep, IDs: ids}, nil)
			gone := map[int]bool{}
			for at, i := n, 0; at < n+more; i++ {
				step := min([]int{1, 5, 40, 2}[i%4], n+more-at)
				require.Zero(t, addNamed(t, ix, rows[at*d:(at+step)*d], d, at, AddOptions{}))
				if at += step; i%3 == 2 {
					deleted, err := ix.Delete(numbersFrom(at-step, 1), false)
					require.NoError(t, err)
					require.Equal(t, 1, deleted)
					gone[at-step] = true
				}
			}
			found, err := ix.Lookup(numbersFrom(0, n+more))
			require.NoError(t, err)
			seen := map[int64]bool{}
			for id, row := range found {
				require.Equal(t, gone[id], row < 0, "%s %s: id %d", kind, keep, id)
				require.False(t, row >= 0 && seen[row], "id %d has a row of its own", id)
				seen[row] = true
			}
			require.Equal(t, n+more-len(gone), ix.Len())

			var left []float32
			b := array.NewInt64Builder(memory.DefaultAllocator)
			for id := n; id < n+more; id++ {
				if !gone[id] {
					b.Append(int64(id))
					left = append(left, rows[id*d:(id+1)*d]...)
				}
			}
			once := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: keep, IDs: ids}, nil)
			names, err := NewIDs(b.NewArray())
			require.NoError(t, err)
			col := columnOf(t, left, d)
			_, err = once.Add(t.Context(), names, col, AddOptions{})
			require.NoError(t, err)
			col.Release()
			require.True(t, bytes.Equal(encoded(t, once), encoded(t, ix)), "%s %s", kind, keep)
		}
	}
}

// Replaced rows are those that came last, wherever they lie, and an older version finds its own.
func TestRowsOfAReserveAreReplaced(t *testing.T) {
	const n, d, more = 200, 16, 150
	rows := blobs(t, 732, n+more, d, 5)
	for _, kind := range []Kind{Flat, IVF} {
		ids, err := NewIDs(numbersFrom(0, n))
		require.NoError(t, err)
		ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: KeepCopy, IDs: ids}, nil)
		for at := n; at < n+more; at += 10 {
			addNamed(t, ix, rows[at*d:(at+10)*d], d, at, AddOptions{})
		}
		u, err := ix.enter("search")
		require.NoError(t, err)
		require.Equal(t, 3, addNamed(t, ix, rows[:3*d], d, n+70, AddOptions{Replace: true}))
		require.Equal(t, 1, addNamed(t, ix, rows[5*d:6*d], d, n+more-1, AddOptions{Replace: true}))
		require.Equal(t, 2, addNamed(t, ix, rows[6*d:8*d], d, n+70, AddOptions{Replace: true}))
		for id, want := range map[int]int{n + 69: n + 69, n + 70: 6, n + 71: 7, n + 72: 2,
			n + more - 1: 5, n + 73: n + 73, 0: 0} {
			got, before := make([]float32, d), make([]float32, d)
			require.NoError(t, ix.Vectors(numbersFrom(id, 1), got))
			require.Equal(t, rows[want*d:(want+1)*d], got, "%s: id %d", kind, id)
			found, err := u.v.Known("test", numbersFrom(id, 1))
			require.NoError(t, err)
			require.NoError(t, u.v.Row(found[0], before))
			require.Equal(t, rows[id*d:(id+1)*d], before, "%s: id %d in the version before", kind, id)
		}
		ix.leave(&u, new(error))
		col := columnOf(t, rows[:d], d)
		names, err := NewIDs(numbersFrom(n+5, 1))
		require.NoError(t, err)
		_, err = ix.Add(t.Context(), names, col, AddOptions{})
		require.Equal(t, DuplicateID, KindOf(err))
		col.Release()
	}
}

// endsAt is a context that ends when it was asked so many times.
type endsAt struct {
	context.Context
	left int
}

func (c *endsAt) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// A call that is cancelled anywhere leaves the rows as they were, and those that come next are
// coded as if it had not been.
func TestACancelledCallLeavesNothingInTheReserve(t *testing.T) {
	const n, d, more = 300, 24, 240
	rows := blobs(t, 733, n+more, d, 8)
	for _, kind := range []Kind{Flat, IVF} {
		ids, err := NewIDs(numbersFrom(0, n))
		require.NoError(t, err)
		o := BuildOptions{Kind: kind, Keep: KeepCopy, IDs: ids}
		want, ix := recallIndex(t, rows[:n*d], d, o, nil), recallIndex(t, rows[:n*d], d, o, nil)
		addNamed(t, want, rows[n*d:], d, n, AddOptions{})
		cancelled, done := 0, 0
		for at := n; at < n+more; at += 20 {
			for left := range 12 {
				col := columnOf(t, rows[at*d:(at+1+left)*d], d)
				names, err := NewIDs(numbersFrom(at, 1+left))
				require.NoError(t, err)
				_, err = ix.Add(&endsAt{t.Context(), left % 6}, names, col, AddOptions{Threads: 1})
				col.Release()
				if err == nil {
					deleted, err := ix.Delete(numbersFrom(at, 1+left), false)
					require.NoError(t, err)
					require.Equal(t, 1+left, deleted)
					done++
				} else {
					require.Equal(t, Cancelled, KindOf(err))
					cancelled++
				}
				require.Equal(t, at, ix.Len())
			}
			addNamed(t, ix, rows[at*d:(at+7)*d], d, at, AddOptions{})
			addNamed(t, ix, rows[(at+7)*d:(at+20)*d], d, at+7, AddOptions{})
		}
		require.Greater(t, cancelled, 12)
		require.Positive(t, done)
		require.True(t, bytes.Equal(encoded(t, want), encoded(t, ix)), kind)
	}
}

// Vectors of an index that keeps copies stay where they are when rows move into cells, unless some
// were deleted or they lie in a file, whose memory goes.
func TestVectorsStayWhereRowsMoveIntoCells(t *testing.T) {
	const n, d, step = 300, 8, 4100
	rows := blobs(t, 734, n+4*step, d, 8)
	ids, err := NewIDs(numbersFrom(0, n))
	require.NoError(t, err)
	ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: IVF, Keep: KeepCopy, IDs: ids}, nil)
	built, file := ix.SourceFloats(), encoded(t, ix)
	check := func(ix *Index, upTo int) {
		require.Len(t, ix.now.Segments, 1, "the rows are in cells")
		for id := range upTo {
			got := make([]float32, d)
			require.NoError(t, ix.Vectors(numbersFrom(id, 1), got))
			require.Equal(t, rows[id*d:(id+1)*d], got)
		}
	}
	for i := range 2 {
		addNamed(t, ix, rows[(n+i*step)*d:(n+(i+1)*step)*d], d, n+i*step, AddOptions{})
		require.Same(t, built, ix.SourceFloats(), "fold %d", i)
	}
	check(ix, n+2*step)
	_, err = ix.Delete(numbersFrom(n+2*step-1, 1), false)
	require.NoError(t, err)
	addNamed(t, ix, rows[(n+2*step-1)*d:(n+4*step)*d], d, n+2*step-1, AddOptions{})
	require.NotSame(t, built, ix.SourceFloats())
	check(ix, n+4*step)

	loaded, err := Decode(t.Context(), file)
	require.NoError(t, err)
	defer loaded.Close()
	for i := range 2 {
		first := loaded.SourceFloats()
		addNamed(t, loaded, rows[(n+i*step)*d:(n+(i+1)*step)*d], d, n+i*step, AddOptions{})
		require.Equal(t, i == 1, first == loaded.SourceFloats(), "of the file once")
	}
	check(loaded, n+2*step)
}

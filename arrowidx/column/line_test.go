package column

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Columns cut of a line show its rows, across the memories of an arena, and keep these alive.
func TestColumnsAreCutOfALine(t *testing.T) {
	const d, n = 1000, 120 // an arena begins with room for 16 rows
	values := make([]float32, n*d)
	for i := range values {
		values[i] = float32(i / d)
	}
	var a Arena
	var l Line
	require.False(t, l.Any())
	var early Cut
	for at, step := 0, 1; at < n; at += step {
		step = min(step+2, n-at)
		col, err := MatrixColumn(values[at*d:(at+step)*d], step, d)
		require.NoError(t, err)
		require.NoError(t, a.Extend(t.Context(), &l, col, 1))
		col.Release()
		if at == 0 {
			l.Cut(&early, 0, 1)
		}
	}
	require.True(t, l.Any())
	require.Greater(t, len(l.pieces), 1)
	require.Less(t, len(l.pieces), 5, "rows of one memory are one piece")
	owners := append([]*Column(nil), l.owners...)
	for _, r := range [][2]int{{0, n}, {0, 32}, {32, 3}, {n - 1, 1}, {10, 90}} {
		var c Cut
		l.Cut(&c, r[0], r[1])
		require.Equal(t, r[1], c.Len())
		require.Equal(t, d, c.Dim())
		for i := range r[1] {
			require.EqualValues(t, r[0]+i, c.Row(i, nil)[d-1])
		}
		c.Release()
	}
	a.Drop()
	l.Drop()
	require.False(t, l.Any())
	require.EqualValues(t, 1, owners[0].Refs.Load(), "the early cut")
	for _, o := range owners[1:] {
		require.Zero(t, o.Refs.Load())
	}
	require.Zero(t, early.Row(0, nil)[0])
	early.Release()
	require.Zero(t, owners[0].Refs.Load())
}

// The room of an arena is in proportion to what it is added to, within limits.
func TestAnArenaIsAsLargeAsItsIndexAsks(t *testing.T) {
	for rows, want := range map[int]int64{0: arenaLeast, 100_000: 400 * 100_000 / arenaShare,
		10_000_000: arenaFirst} {
		var a Arena
		a.AddTo(rows, 100)
		col, err := MatrixColumn(make([]float32, 100), 1, 100)
		require.NoError(t, err)
		held, err := a.Hold(t.Context(), col, 1)
		require.NoError(t, err)
		require.Equal(t, want, a.bytes)
		own, _ := held.MemoryBytes(map[*Column]bool{})
		require.EqualValues(t, 400, own, "what is not written to is not counted")
		held.Release()
		a.Drop()
	}
}

func TestIDsOfALineAreFoundInTheirPart(t *testing.T) {
	var l IDLine
	numbers := func(v ...uint64) *IDs { return &IDs{Form: IDInt64, N: len(v), Num: v} }
	require.True(t, l.Follow(numbers(1)))
	l.Extend(numbers(5, 7, 9))
	var first, second IDs
	l.Part(&first, 0, 2)
	l.Part(&second, 2, 1)
	l.Extend(numbers(11, 1<<62))
	require.Equal(t, []uint64{5, 7}, first.Num)
	for id, want := range map[uint64][2]int64{5: {0, -1}, 7: {1, -1}, 9: {-1, 0}, 11: {-1, -1},
		6: {-1, -1}} {
		for i, part := range []*IDs{&first, &second} {
			rows, err := part.RowsOf(numbers(id))
			require.NoError(t, err)
			require.Equal(t, []int64{want[i]}, rows, "id %d in part %d", id, i)
		}
	}
	require.EqualValues(t, 2*(8+24), first.Bytes())
	require.False(t, l.Follow(&IDs{Form: IDUint64, N: 1, Num: []uint64{2}}))
	require.False(t, l.Follow(&IDs{Form: IDString}))
	require.False(t, l.Follow(&IDs{N: 1, First: 5}))

	var count IDLine
	count.Extend(&IDs{N: 3, First: 40})
	require.True(t, count.Follow(&IDs{N: 1, First: 43}))
	require.False(t, count.Follow(&IDs{N: 1, First: 44}))
	count.Extend(&IDs{N: 2, First: 43})
	var part IDs
	count.Part(&part, 2, 3)
	require.EqualValues(t, 42, part.Number(0))
	rows, err := part.RowsOf(numbers(44, 45, 41))
	require.NoError(t, err)
	require.Equal(t, []int64{2, -1, -1}, rows)
}

// A list of more parts than one object has room for is named as one of few.
func TestManyPartsAreJoined(t *testing.T) {
	var parts []*IDs
	for i := range 7 {
		parts = append(parts, &IDs{N: 2, First: uint64(2 * i)})
		all := JoinIDs(parts)
		require.Equal(t, IDPositions, all.Form)
		require.Equal(t, 2*i+2, all.Len())
		require.EqualValues(t, 2*i+1, all.Number(int64(2*i+1)))
	}
	all := JoinIDs(parts)
	parts[0] = nil
	require.EqualValues(t, 1, all.Number(1), "the list may be used again")
	require.Equal(t, IDCounted, JoinIDs([]*IDs{{N: 2, First: 3}}).Form)
}

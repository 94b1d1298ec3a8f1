package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// shown is what a state of a collection holds.
type shown struct {
	value float32
	rows  int
}

// changer makes changes after each of which all numbers of a collection are the same.
type changer struct {
	b      *store.Local
	ids    []int64
	next   int64
	states map[uint64]shown
}

const changedDim = 24

func (c *changer) rows(t testing.TB, ids []int64, value float32) (*arrowidx.IDs, *arrowidx.Column) {
	values := make([]float32, len(ids)*changedDim)
	for i := range values {
		values[i] = value
	}
	return idsOf(t, int64s(ids...)), matrix(t, values, changedDim)
}

func (c *changer) change(t testing.TB, step int, value float32) float32 {
	switch step % 3 {
	case 0: // all rows in place
		value++
		ids, col := c.rows(t, c.ids, value)
		replaced, err := c.b.Upsert(t.Context(), "a", ids, col)
		require.NoError(t, err)
		require.Equal(t, len(c.ids), replaced)
	case 1:
		var more []int64
		for range 1 + step*37%200 {
			more = append(more, c.next)
			c.next++
		}
		ids, col := c.rows(t, more, value)
		require.NoError(t, c.b.Append(t.Context(), "a", ids, col))
		c.ids = append(c.ids, more...)
	default:
		n := min(1+step*53%200, len(c.ids)-100)
		gone, err := c.b.Delete(t.Context(), "a", int64s(c.ids[:n]...), false)
		require.NoError(t, err)
		require.Equal(t, n, gone)
		c.ids = c.ids[n:]
	}
	c.states[generationOf(t, c.b, "a")] = shown{value, len(c.ids)}
	return value
}

func TestChangesBesidePullsNeverMix(t *testing.T) {
	c := &changer{b: newLocal(t), states: map[uint64]shown{}}
	for ; c.next < 3000; c.next++ {
		c.ids = append(c.ids, c.next)
	}
	ids, col := c.rows(t, c.ids, 1)
	require.NoError(t, c.b.Put(t.Context(), "a", ids, col))
	c.states[1] = shown{1, len(c.ids)}
	var mu sync.Mutex
	seen := map[uint64]shown{}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !done.Load() && !t.Failed() {
				g, s := pulledState(t, c.b)
				mu.Lock()
				seen[g] = s
				mu.Unlock()
			}
		})
	}
	value := float32(1)
	for step := range 60 {
		value = c.change(t, step, value)
	}
	done.Store(true)
	wg.Wait()
	for g, s := range seen {
		require.Equal(t, c.states[g], s, "generation %d", g)
	}
}

// pulledState pulls a collection all of whose numbers are the same.
func pulledState(t *testing.T, b *store.Local) (uint64, shown) {
	p, err := b.Pull(t.Context(), "a")
	if err != nil {
		t.Errorf("pull: %v", err)
		return 0, shown{}
	}
	g, _ := p.Generation.Number()
	_, col, err := backend.Read(t.Context(), p, backend.Limits{})
	if err != nil {
		t.Errorf("read: %v", err)
		return g, shown{}
	}
	defer col.Release()
	values := make([]float32, col.Len()*changedDim)
	col.CopyTo(values)
	for i, v := range values {
		if v != values[0] {
			t.Errorf("generation %d: row %d holds %v, row 0 %v", g, i/changedDim, v, values[0])
			break
		}
	}
	return g, shown{values[0], col.Len()}
}

// residentMiB is the memory of this process.
func residentMiB(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, found := strings.Cut(string(status), "VmRSS:")
	require.True(t, found)
	kib := 0
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib >> 10
}

func TestWhatNobodyUsesGivesItsMemoryBack(t *testing.T) {
	const dim, rows = 256, 16 << 10 // 16 MiB
	values := make([]float32, rows*dim)
	for i := range values {
		values[i] = float32(i)
	}
	local, col := newLocal(t), matrix(t, values, dim)
	files, _ := newFS(t)
	require.NoError(t, files.Write(t.Context(), "a", arrowidx.PositionIDs(rows), col))
	require.NoError(t, local.Put(t.Context(), "a", arrowidx.PositionIDs(rows), col))
	before := residentMiB(t)
	for i := range 60 {
		p, err := local.Pull(t.Context(), "a") // holds the state that is replaced next
		require.NoError(t, err)
		switch i % 3 {
		case 0:
			require.NoError(t, local.Put(t.Context(), "a", arrowidx.PositionIDs(rows), col))
		case 1:
			_, err = local.Upsert(t.Context(), "a", arrowidx.PositionIDs(rows), col)
			require.NoError(t, err)
		default:
			err = local.Append(t.Context(), "a", arrowidx.PositionIDs(rows), col)
			require.Equal(t, fault.DuplicateID, fault.KindOf(err))
		}
		p.Rows.Next()
		p.Rows.Release()
		require.NoError(t, readWhole(t, files, "a"))
		p, err = files.Pull(t.Context(), "a")
		require.NoError(t, err)
		p.Rows.Next()
		p.Rows.Release()
	}
	assert.Less(t, residentMiB(t)-before, 400, "of 2,800 MiB that were used in turn")
}

// killedWriter is the variable that names the folder that a child of a test writes to until it is
// killed.
const killedWriter = "RUVECTOR_TEST_KILLED_WRITER"

func TestAKilledWriterLeavesOldRowsOrNew(t *testing.T) {
	const rows, dim = 4000, 32
	write := func(t testing.TB, b *store.FS, value float32) error {
		values := make([]float32, rows*dim)
		for i := range values {
			values[i] = value
		}
		return b.Write(t.Context(), "a", arrowidx.PositionIDs(rows), matrix(t, values, dim))
	}
	if dir := os.Getenv(killedWriter); dir != "" {
		b, err := store.NewFS("files", dir)
		require.NoError(t, err)
		for value := float32(1); ; value++ {
			require.NoError(t, write(t, b, value))
		}
	}
	b, dir := newFS(t)
	require.NoError(t, write(t, b, 0))
	kills := 20
	if testing.Short() {
		kills = 4
	}
	for range kills {
		child := exec.Command(os.Args[0], "-test.run", "TestAKilledWriterLeavesOldRowsOrNew$")
		child.Env = append(os.Environ(), killedWriter+"="+dir)
		require.NoError(t, child.Start())
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // it was killed
		_, vectors := contents(t, b, "a")
		require.Len(t, vectors, rows*dim)
		for _, v := range vectors {
			if v != vectors[0] {
				t.Fatalf("rows of %v and %v", v, vectors[0])
			}
		}
	}
	require.NoError(t, write(t, b, -1))
	assert.Equal(t, []string{"a.ruvec1"}, listed(t, dir), "what killed writers left is gone")
}

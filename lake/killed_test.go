package lake

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

var (
	kills = flag.Int("kills", 8, "how often a publisher is killed while it writes")
	timed = flag.Bool("timed", false, "require the times that warming promises")
)

// The variables that make a test process a writer: where, of which generation on, and how many
// bytes a file may have.
const (
	writerFolder = "RUVECTOR_TEST_WRITER_FOLDER"
	writerFrom   = "RUVECTOR_TEST_WRITER_FROM"
	writerLimit  = "RUVECTOR_TEST_WRITER_LIMIT"
)

// TestMain is a writer where a test started it as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerFolder); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// writeUntilKilled publishes and saves one generation after the other, and says so when each is
// done. It ends with the first error.
func writeUntilKilled(dir string) int {
	from, _ := strconv.ParseUint(os.Getenv(writerFrom), 10, 64)
	if limit, err := strconv.ParseUint(os.Getenv(writerLimit), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // so that write returns the error
		most := syscall.Rlimit{Cur: limit, Max: limit}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &most); err != nil {
			fmt.Println("failed", err)
			return 1
		}
	}
	var t writerTest
	for generation := from; ; generation++ {
		fmt.Println("begun", generation)
		b := stateBundle(generation)
		_, err := writer{}.publish(context.Background(), filepath.Join(dir, "published"), b)
		if err == nil {
			err = saveState(&t, writer{}, filepath.Join(dir, "saved"), generation)
		}
		if err != nil {
			fmt.Println("failed", err)
			return 1
		}
		fmt.Println("done", generation)
	}
}

// writerTest stands for a test in a process that is none: a failure ends it.
type writerTest struct{ testing.TB }

func (*writerTest) Helper()                   {}
func (*writerTest) Cleanup(func())            {}
func (*writerTest) Errorf(f string, v ...any) { fmt.Printf("failed "+f+"\n", v...) }
func (*writerTest) FailNow()                  { os.Exit(1) }
func (*writerTest) Fatalf(f string, v ...any) { fmt.Printf("failed "+f+"\n", v...); os.Exit(1) }

// told is what a writer said before it ended.
type told struct {
	begun, done uint64
	failed      string
}

// runWriter runs a writer and kills it some time after it began.
func runWriter(t *testing.T, dir string, from uint64, kill time.Duration, env ...string) told {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), writerFolder+"="+dir,
		writerFrom+"="+strconv.FormatUint(from, 10)), env...)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	said := told{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var word string
		var number uint64
		switch _, _ = fmt.Sscan(lines.Text(), &word, &number); word {
		case "begun":
			if said.begun = number; number == from && kill > 0 {
				process := c.Process
				time.AfterFunc(kill, func() { _ = process.Kill() }) // it may have ended
			}
		case "done":
			said.done = number
		case "failed":
			said.failed = lines.Text()
		}
	}
	_ = c.Wait() // killed
	return said
}

// A publisher that is killed leaves the state before or the one that it was at, whole; a reader who
// looks meanwhile sees nothing else either.
func TestAKilledPublisherLeavesOldOrNew(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	dir := t.TempDir()
	saved, published := filepath.Join(dir, "saved"), filepath.Join(dir, "published")
	require.NoError(t, saveState(t, writer{}, saved, 1))
	_, err := writer{}.publish(context.Background(), published, stateBundle(1))
	require.NoError(t, err)
	var stop atomic.Bool
	reads := make(chan int)
	go func() {
		n, last := 0, uint64(0)
		for ; !stop.Load(); n++ {
			now := warmState(t, saved)
			assert.GreaterOrEqual(t, now, last, "time went back")
			last = now
		}
		reads <- n
	}()
	now, between := uint64(1), 0
	for range *kills {
		said := runWriter(t, dir, now+1, time.Duration(r.Int64N(int64(40*time.Millisecond))))
		require.Empty(t, said.failed)
		least := max(said.done, now)
		now = warmState(t, saved)
		require.GreaterOrEqual(t, now, least, "what was done is lost")
		require.LessOrEqual(t, now, max(said.begun, least))
		if b, err := bundle.Read(published); assert.NoError(t, err) {
			g, _ := b.Generation.Number()
			require.GreaterOrEqual(t, g, now)
			require.LessOrEqual(t, g, max(said.begun, least))
		}
		if said.begun != said.done {
			between++
		}
	}
	stop.Store(true)
	t.Logf("%d kills, %d of them while a state was written; %d states; %d reads meanwhile",
		*kills, between, now, <-reads)
	require.NoError(t, saveState(t, writer{}, saved, now+1))
	assert.Equal(t, []string{"index", "index", bundle.FileName}, filesOf(t, saved))
}

// Two processes that write at once take turns, also where one of them is killed.
func TestTwoProcessesThatWriteLeaveOneOfTheirStates(t *testing.T) {
	dir := t.TempDir()
	saved := filepath.Join(dir, "saved")
	require.NoError(t, saveState(t, writer{}, saved, 1))
	var writers sync.WaitGroup
	said := make([]told, 2)
	for i, kill := range []time.Duration{200 * time.Millisecond, 600 * time.Millisecond} {
		writers.Add(1)
		go func() {
			defer writers.Done()
			said[i] = runWriter(t, dir, uint64(1000*(i+1)), kill)
		}()
	}
	ended := make(chan struct{})
	go func() { writers.Wait(); close(ended) }()
	for open := true; open; {
		warmState(t, saved)
		select {
		case <-ended:
			open = false
		default:
		}
	}
	assert.Empty(t, said[0].failed+said[1].failed)
	assert.NotZero(t, said[1].done, "the other one is dead")
	last := warmState(t, saved)
	assert.Contains(t, []uint64{said[1].done, said[1].begun}, last, "the one killed last")
	require.NoError(t, saveState(t, writer{}, saved, 1))
	assert.Equal(t, []string{"index", "index", bundle.FileName}, filesOf(t, saved))
}

// A file that cannot grow further is what a full disk is to a writer.
func TestAFullDiskKeepsTheOldState(t *testing.T) {
	dir := t.TempDir()
	saved := filepath.Join(dir, "saved")
	require.NoError(t, saveState(t, writer{}, saved, 1))
	for _, limit := range []string{"8000", "100"} { // the index does not fit; nor does the bundle
		said := runWriter(t, dir, 2, 0, writerLimit+"="+limit)
		assert.Contains(t, said.failed, "file too large")
		assert.Contains(t, said.failed, dir)
		assert.Zero(t, said.done)
		assert.Equal(t, uint64(1), warmState(t, saved))
		assert.Equal(t, []string{"index", bundle.FileName}, filesOf(t, saved))
	}
	require.NoError(t, saveState(t, writer{}, saved, 2))
	assert.Equal(t, uint64(2), warmState(t, saved))
}

// A warm index of cells is ready in a fifth of the time that building takes, and its first query
// costs what later ones do. Of kind flat, which is built in the time of reading its vectors a few
// times, it is a fifth to a third: all checksums are verified (docs/decisions/0024).
func TestWarmIsReadyAtOnce(t *testing.T) {
	const n, dim = 60_000, 64
	r := rand.New(rand.NewPCG(7, 7))
	values := make([]float32, n*dim)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	b := stateBundle(1)
	b.Dim = dim
	o := arrowidx.BuildOptions{Metric: arrowidx.L2, Kind: arrowidx.IVF, Keep: arrowidx.KeepCopy,
		Provenance: provenanceOf(&b), IDs: madeIDs(t, arrowidx.IDInt64, 5, n)}
	build := time.Hour
	for range 5 {
		began := time.Now()
		builtIndex(t, values, dim, o).Close()
		build = min(build, time.Since(began))
	}
	ix := builtIndex(t, values, dim, o)
	dir := t.TempDir()
	_, err := writer{}.save(context.Background(), dir, ix, b)
	require.NoError(t, err)
	const opens = 15
	ready := time.Hour
	var ratios []float64 // of a first query to the median of those after it
	for range opens {
		began := time.Now()
		warm, _, err := openSaved(context.Background(), dir, WarmOptions{})
		require.NoError(t, err)
		ready = min(ready, time.Since(began))
		took := make([]float64, 31)
		for q := range took {
			began = time.Now()
			_, _, err := warm.SearchOne(context.Background(), values[q*dim:(q+1)*dim], 10)
			require.NoError(t, err)
			took[q] = time.Since(began).Seconds()
		}
		warm.Close()
		later := took[1:]
		slices.Sort(later)
		ratios = append(ratios, took[0]/later[len(later)/2])
	}
	slices.Sort(ratios)
	t.Logf("build %v, ready %v (%.2f); first query %.2f of later ones", build, ready,
		ready.Seconds()/build.Seconds(), ratios[opens/2])
	if *timed {
		assert.LessOrEqual(t, ready, build/5)
		assert.LessOrEqual(t, ratios[opens/2], 1.5)
	}
}

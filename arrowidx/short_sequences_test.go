package arrowidx_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// entry is a row that an index should hold: numbers or packed bits, or null.
type entry struct {
	id    int64
	batch int // the build or the addition that it came with
	null  bool
	x     []float32
	bits  []byte
}

// setup is one way to build an index.
type setup struct {
	kind   arrowidx.Kind
	metric arrowidx.Metric
	keep   arrowidx.Keep
}

func (s setup) String() string { return fmt.Sprintf("%s %s %s", s.kind, s.metric, s.keep) }

// setups are all kinds with all metrics and all ways to keep vectors that go together.
func setups() []setup {
	var all []setup
	for _, keep := range []arrowidx.Keep{
		arrowidx.KeepBorrow, arrowidx.KeepCopy, arrowidx.KeepNone,
	} {
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
			for _, metric := range arrowidxtest.Metrics {
				if kind != arrowidx.Exact || keep != arrowidx.KeepNone {
					all = append(all, setup{kind, metric, keep})
				}
			}
		}
		for _, metric := range bitMetrics {
			if keep != arrowidx.KeepNone {
				all = append(all, setup{arrowidx.Exact, metric, keep})
			}
		}
	}
	return all
}

// book is an index and a plain list of the rows that it should hold, in their order.
type book struct {
	setup
	t      testing.TB
	r      *rand.Rand
	ix     *arrowidx.Index
	d      int // numbers of a row; of packed bits: bytes
	idKind arrowidx.IDKind
	layout int
	batch  int
	next   int64
	rows   []entry
	gone   []int64
	length float64 // of the longest row that there ever was
	blind  bool    // rows came or went while the index had no vectors
}

// moves are the changes that sequences are made of, each by its letter.
var moves = map[byte]func(b *book){
	'a': func(b *book) { b.add(1, 1) },
	'A': func(b *book) { b.add(33+b.r.IntN(10), 1) },
	'B': func(b *book) { b.add(4100, 1) }, // from so many on, those added join the base
	'L': func(b *book) { b.add(2, 50) },   // much longer than all before
	'H': func(b *book) { b.add(2, 1e15) }, // and so long that codes cannot hold both
	'f': func(b *book) { b.remove(func(i int) bool { return i == 0 }) },
	'm': func(b *book) { b.remove(func(i int) bool { return i == len(b.rows)/2 }) },
	'l': func(b *book) { b.remove(func(i int) bool { return i == len(b.rows)-1 }) },
	'o': func(b *book) { b.removeBatch(0) },
	'y': func(b *book) { b.removeBatch(len(b.rows) - 1) },
	'n': func(b *book) { // the first row of the newest
		b.remove(func(i int) bool {
			newest := b.rows[len(b.rows)-1].batch
			return b.rows[i].batch == newest && (i == 0 || b.rows[i-1].batch != newest)
		})
	},
	'x': func(b *book) { b.remove(func(int) bool { return true }) },
	'u': (*book).upsert,
	'c': func(b *book) { require.NoError(b.t, b.ix.Compact(b.t.Context(), 1)) },
	's': (*book).reopen,
	't': (*book).reattach,
	'w': func(b *book) { // a file without vectors, which are given to it then
		if b.keep != arrowidx.KeepNone {
			b.keep = arrowidx.KeepNone
			b.reopen()
			b.attach()
		}
	},
}

const letters = "aALHfmloynxucstw"

// sequences are all sequences of so many moves.
func sequences(length int) []string {
	all := []string{""}
	for range length {
		var longer []string
		for _, s := range all {
			for i := range letters {
				longer = append(longer, s+letters[i:i+1])
			}
		}
		all = longer
	}
	return all
}

// longest is how many changes the sequences have that are all made; of those that have one more,
// some are.
var longest = flag.Int("changes", 2, "make all sequences of so many changes")

// TestEveryVerbAnswersAfterEveryShortSequenceOfChanges compares all that an index answers with a
// plain list of its rows.
func TestEveryVerbAnswersAfterEveryShortSequenceOfChanges(t *testing.T) {
	t.Parallel()
	var all []string
	for length := range *longest + 1 {
		all = append(all, sequences(length)...)
	}
	more, share := sequences(*longest+1), 64
	for at, s := range setups() {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			for i, sequence := range all {
				// Numbers have 32 setups: each of the many sequences is made in some of them.
				if *longest > 2 || len(sequence) < 2 || s.metric.Binary() || (i+at+at/4)%4 == 0 {
					play(t, s, sequence, i)
				}
			}
			step := share
			if s.metric.Binary() {
				step = share / 8
			}
			for i := at % step; i < len(more); i += step {
				play(t, s, more[i], i)
			}
		})
	}
}

// TestEveryVerbAnswersAfterManyRowsWereAdded makes the additions that move rows into the base.
func TestEveryVerbAnswersAfterManyRowsWereAdded(t *testing.T) {
	t.Parallel()
	for i, s := range setups() {
		for j, sequence := range []string{"B", "aBf", "BoA", "uByas"} {
			one := (i+3*j)%11 == 0 || s.metric.Binary() && (i+j)%4 == 0
			if one || arrowidxtest.Whole() && ((i+j)%8 == 0 || s.metric.Binary() && i%2 == j%2) {
				play(t, s, sequence, 8*i+j)
			}
		}
	}
}

// play builds an index, makes the changes, and asks for all that it can answer.
func play(t *testing.T, s setup, sequence string, seed int) {
	b := open(t, s, seed)
	defer func() {
		b.ix.Close()
		if p := recover(); p != nil || t.Failed() {
			t.Fatalf("%s, %d: changes %q: %v", s, seed, sequence, p)
		}
	}()
	for i := range sequence {
		moves[sequence[i]](b)
	}
	b.askAll()
}

// open builds an index of some rows; the seed says how many, how they lie and what they are called.
func open(t testing.TB, s setup, seed int) *book {
	idKinds := []arrowidx.IDKind{arrowidx.IDPositions, arrowidx.IDInt64, arrowidx.IDUint64,
		arrowidx.IDString}
	sizes := []int{3, 1, 32, 33, 70, 0, 64, 5}
	b := &book{
		setup: s, t: t, r: rand.New(rand.NewPCG(uint64(seed), 11)), d: 1 + seed%7,
		idKind: idKinds[seed%3*(seed%4)%4], layout: seed,
	}
	n := sizes[seed%len(sizes)]
	b.rows = b.fresh(n, 1)
	if n > 2 && seed%5 == 0 {
		b.rows[1].null, b.rows[n-1].null = true, n > 30
	}
	o := arrowidx.BuildOptions{
		Metric: s.metric, Kind: s.kind, Keep: s.keep, Bits: 8, Cells: min(n, 1+seed%3),
		Seed: uint64(seed), Threads: 1, Nulls: arrowidx.SkipNulls,
	}
	if s.metric.Binary() || s.kind == arrowidx.Exact {
		o.Bits, o.Cells = 0, 0
	}
	if b.idKind != arrowidx.IDPositions {
		o.IDs = namesOf(t, b.idKind, idsIn(b.rows))
	}
	col := b.column(b.rows, 1+seed%3)
	defer col.Release()
	var err error
	b.ix, err = arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	return b
}

func idsIn(rows []entry) []int64 {
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	return ids
}

// reattach gives an index whose rows have an order its column, or takes it away again.
func (b *book) reattach() {
	if b.ix.Info().Changed || b.empty() {
		return
	}
	if b.keep == arrowidx.KeepNone {
		b.attach()
		b.ix.Detach()
		b.keep = arrowidx.KeepNone
		return
	}
	b.ix.Detach()
	b.attach()
}

// attach gives the index the column of its rows.
func (b *book) attach() {
	if !b.empty() {
		col := b.column(b.rows, 2)
		defer col.Release()
		err := b.ix.Attach(col)
		if b.blind {
			require.ErrorContains(b.t, err, "cannot tell whether these are its rows")
			return
		}
		require.NoError(b.t, err)
		b.keep = arrowidx.KeepBorrow
	}
}

// empty reports whether no row can be found.
func (b *book) empty() bool {
	return !slices.ContainsFunc(b.rows, func(e entry) bool { return !e.null })
}

// fresh makes n rows with the next ids, so many times as long as usual; some are zero, some equal.
func (b *book) fresh(n int, times float32) []entry {
	rows := make([]entry, n)
	for i := range rows {
		rows[i] = entry{id: b.next, batch: b.batch}
		b.next++
		if b.metric.Binary() {
			rows[i].bits = bitRows(b.r, 1, b.d)
			continue
		}
		rows[i].x = arrowidxtest.Gaussian(b.r, 1, b.d)
		for j := range rows[i].x {
			rows[i].x[j] *= times
		}
		switch i % 10 {
		case 4:
			clear(rows[i].x)
		case 8:
			copy(rows[i].x, rows[i-6].x)
		}
		b.length = max(b.length, arrowidxtest.Score(arrowidx.L2, rows[i].x, make([]float32, b.d)))
	}
	b.batch++
	return rows
}

// column is the rows as a column of some type.
func (b *book) column(rows []entry, chunks int) *arrowidx.Column {
	var arrays []arrow.Array
	for i := range chunks {
		arrays = append(arrays, b.array(rows[i*len(rows)/chunks:(i+1)*len(rows)/chunks]))
	}
	col, err := arrowidx.NewColumn(arrays)
	require.NoError(b.t, err)
	return col
}

func (b *book) array(rows []entry) arrow.Array {
	valid := make([]bool, len(rows))
	var numbers []float32
	var bits []byte
	for i, row := range rows {
		valid[i] = !row.null
		numbers, bits = append(numbers, row.x...), append(bits, row.bits...)
	}
	layouts := arrowidxtest.Layouts(numbers, b.d, valid)
	if b.metric.Binary() {
		layouts = bitLayouts(bits, b.d, valid)
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(layouts)), func(name string) bool {
		return strings.Contains(name, "16") || strings.Contains(name, "int8") // of no rows
	})
	return layouts[names[b.layout%len(names)]]
}

// add adds rows, under the next numbers where ids are positions.
func (b *book) add(n int, times float32) {
	b.put(b.fresh(n, times), b.idKind != arrowidx.IDPositions)
}

// upsert replaces the row in the middle, and adds a row.
func (b *book) upsert() {
	rows := b.fresh(2, 1)
	if len(b.rows) > 0 {
		rows[0].id = b.rows[len(b.rows)/2].id
	}
	b.put(rows, true)
}

// put adds rows to the index and to the list; refused rows are added to neither.
func (b *book) put(rows []entry, named bool) {
	var names *arrowidx.IDs
	if named {
		names = namesOf(b.t, max(b.idKind, arrowidx.IDInt64), idsIn(rows))
	}
	col := b.column(rows, 1+b.layout%2)
	defer col.Release()
	count, err := b.ix.Upsert(b.t.Context(), names, col, arrowidx.AddOptions{Threads: 1})
	uneven := b.kind != arrowidx.Exact && b.length > 1e12
	if (b.estimated() || uneven) && arrowidx.KindOf(err) == arrowidx.InvalidVector {
		b.next -= int64(len(rows)) // codes cannot be made anew, or not of rows so short and so long
		return
	}
	require.NoError(b.t, err)
	replaced := map[int64]bool{}
	for _, id := range idsIn(rows) {
		replaced[id] = true
	}
	before := len(b.rows)
	b.rows = slices.DeleteFunc(b.rows, func(e entry) bool { return replaced[e.id] })
	require.Equal(b.t, before-len(b.rows), count, "rows replaced")
	b.blind = b.keep == arrowidx.KeepNone && !b.empty()
	b.rows = append(b.rows, rows...)
}

// remove deletes the rows at some places.
func (b *book) remove(which func(i int) bool) {
	var left []entry
	var ids []int64
	for i, row := range b.rows {
		if which(i) {
			ids = append(ids, row.id)
		} else {
			left = append(left, row)
		}
	}
	asked := append(slices.Clone(ids), b.next+3)
	n, err := b.ix.Delete(idArray(max(b.idKind, arrowidx.IDInt64), asked), false)
	require.Equal(b.t, arrowidx.UnknownID, arrowidx.KindOf(err), "%v", err)
	require.Equal(b.t, 0, n)
	n, err = b.ix.Delete(idArray(max(b.idKind, arrowidx.IDInt64), asked), true)
	require.NoError(b.t, err)
	require.Equal(b.t, len(ids), n)
	b.rows, b.gone = left, append(b.gone, ids...)
	b.blind = b.keep == arrowidx.KeepNone && (b.blind || len(ids) > 0)
}

// removeBatch deletes all rows that came with the one at a place.
func (b *book) removeBatch(at int) {
	if len(b.rows) > 0 {
		batch := b.rows[at].batch
		b.remove(func(i int) bool { return b.rows[i].batch == batch })
	}
}

// bytes are the index's file, with vectors if it has them.
func (b *book) bytes() []byte {
	var w bytes.Buffer
	require.NoError(b.t, b.ix.Encode(b.t.Context(), &w, b.keep != arrowidx.KeepNone))
	return w.Bytes()
}

// reopen goes on with what the bytes of the index hold.
func (b *book) reopen() {
	next, err := arrowidx.Decode(b.t.Context(), b.bytes())
	require.NoError(b.t, err)
	b.ix.Close()
	b.ix = next
	if b.empty() && b.estimated() {
		b.keep = arrowidx.KeepCopy // a file of no vectors does not tell
	}
}

package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"math/rand"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// ceiling is the most memory that any bytes may take.
const ceiling = 256 << 20

// allocated returns how many bytes were allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// kinds are what may be said of bytes that nobody vouches for.
var kinds = []fault.Kind{fault.OK, fault.PersistError, fault.LimitExceeded, fault.ColumnError,
	fault.InvalidVector, fault.DimensionMismatch}

// survive reads whatever is in the bytes, and returns the first error.
func survive(t testing.TB, data []byte) error {
	t.Helper()
	before := allocated()
	err := readEverything(data)
	if spent := allocated() - before; spent > ceiling {
		t.Fatalf("%d bytes were allocated for %d", spent, len(data))
	}
	if kind := fault.KindOf(err); !slices.Contains(kinds, kind) {
		t.Fatalf("%v: %v", kind, err)
	}
	if err != nil && strings.Contains(err.Error(), "goroutine ") {
		t.Fatalf("a panic: %v", err)
	}
	return err
}

// readEverything reads all columns that may hold vectors, by group and by row.
func readEverything(data []byte) error {
	ctx := context.Background()
	f, err := Open(ctx, bytes.NewReader(data), int64(len(data)), Limits{})
	if err != nil {
		return err
	}
	for _, s := range f.shapes() {
		o := Options{}
		if s.bytes {
			o = Options{Dim: s.leaf.Length, Type: Uint8}
			if s.leaf.Length > maxList {
				continue
			}
		}
		v, err := f.Vectors(ctx, s.name, o)
		if err != nil {
			return err
		}
		if v.Rows() > 0 {
			for _, at := range []int64{v.Rows() / 2, 0, v.Rows() - 1} {
				if err := v.ReadRows(ctx, at, 1, make([]byte, v.RowBytes()), make([]byte, 1)); err != nil {
					return err
				}
			}
		}
		for g := range f.Groups() {
			if err := v.CheckGroup(g); err != nil {
				return err
			}
			rows, _ := f.GroupRows(g)
			dst, valid := make([]byte, rows*int64(v.RowBytes())), make([]byte, (rows+7)/8)
			if err := v.ReadGroup(ctx, g, dst, valid); err != nil {
				return err
			}
		}
	}
	return nil
}

// good is a file of two rows of two numbers.
func good() forged {
	numbers := []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 128, 63, 0, 0, 0, 64}
	return forged{rows: 2, values: 4, pages: []forgedPage{{n: 4, rep: runsOf(0, 1, 1, 1, 0, 1, 1, 1),
		def: run(2, 4), values: numbers}}}
}

// paged returns a good file whose page was changed.
func paged(change func(*forgedPage)) forged {
	f := good()
	change(&f.pages[0])
	return f
}

// whole returns a good file that was changed.
func whole(change func(*forged)) forged {
	f := good()
	change(&f)
	return f
}

var zeros = make([]byte, 64<<20)

// forgeries are files that somebody may send, like those of the public corpora of damaged files
// where these are named, and what is said of them.
var forgeries = []struct {
	name string
	file forged
	kind fault.Kind
	says string
}{
	{"as it should be", good(), fault.OK, ""},
	{"PARQUET-1481: a physical type that there is not",
		whole(func(f *forged) { f.physical = 77 }), fault.PersistError, "physical type 77"},
	{"GH-45185: levels begin within a row", paged(func(p *forgedPage) { p.rep = runsOf(1, 4) }),
		fault.PersistError, "goes on, but is null or empty"},
	{"GH-41317: fewer values than levels",
		paged(func(p *forgedPage) { p.values = p.values[:8] }), fault.PersistError, "fewer values"},
	{"more rows than the row group has", whole(func(f *forged) { f.rows = 1 }),
		fault.PersistError, "more rows than the row group's 1"},
	{"fewer rows than the row group has", whole(func(f *forged) { f.rows = 3 }),
		fault.PersistError, "2 rows, the row group has 3"},
	{"more values than the column has", whole(func(f *forged) { f.values = 3 }),
		fault.PersistError, "more values than the column's 3"},
	{"levels above the highest", paged(func(p *forgedPage) { p.def = run(3, 4) }),
		fault.PersistError, "levels above the highest"},
	{"runs of levels that end", paged(func(p *forgedPage) { p.def = run(2, 3) }),
		fault.PersistError, "runs of levels"},
	{"a run of no values", paged(func(p *forgedPage) { p.def = []byte{0, 2} }),
		fault.PersistError, "runs of levels"},
	{"a page of less than nothing", paged(func(p *forgedPage) { p.decoded = -1 }),
		fault.PersistError, "unpacked"},
	{"a page longer than the file", paged(func(p *forgedPage) { p.stored = 1 << 30 }),
		fault.PersistError, "has 1073741824 bytes"},
	{"a page of two sizes", paged(func(p *forgedPage) { p.decoded = 1 << 20 }),
		fault.PersistError, "two sizes"},
	{"a negative number of values", paged(func(p *forgedPage) { p.n = -5 }),
		fault.PersistError, "no number of values"},
	{"an encoding that there is not", paged(func(p *forgedPage) { p.encoding = 99 }),
		fault.PersistError, "encoding 99 of FLOAT is not read"},
	{"a checksum of something else", paged(func(p *forgedPage) { p.sum = 1 }),
		fault.PersistError, "checksum"},
	{"a codec that there is not", whole(func(f *forged) { f.codec = 99 }),
		fault.PersistError, "codec 99 is not known"},
	{"LZO", whole(func(f *forged) { f.codec = codecLzo }), fault.PersistError, "LZO is not supported"},
	{"pages in front of the file", whole(func(f *forged) { f.start = 1 }), fault.PersistError,
		"not in the file"},
	{"pages behind the file", whole(func(f *forged) { f.start = 1 << 60 }), fault.PersistError,
		"not in the file"},
	{"a column longer than the file", whole(func(f *forged) { f.size = 1 << 62 }),
		fault.PersistError, "not in the file"},
	{"more chunks than columns", whole(func(f *forged) { f.chunks = 1 }), fault.PersistError,
		"a row group of 2 columns, the schema has 1"},
	{"a schema that is too deep", whole(func(f *forged) { f.depth = 70 }), fault.PersistError,
		"deep"},
	{"a schema of more children than fields", whole(func(f *forged) { f.children = 1 << 30 }),
		fault.PersistError, "1073741824 children"},
	{"encrypted columns", whole(func(f *forged) { f.encrypt = true }), fault.PersistError,
		"encrypted"},
	{"GH-6229-LEVELS: levels longer than the page",
		paged(func(p *forgedPage) { p.version2, p.defBytes = true, 1<<30 }), fault.PersistError,
		"levels reach behind"},
	{"levels of a negative length",
		paged(func(p *forgedPage) { p.version2, p.repBytes = true, -50 }), fault.PersistError,
		"levels reach behind"},
	{"GH-6229-DICTHEADER: a dictionary of another length",
		withDictionary(-1, []byte{1, 8, 0}), fault.PersistError, "no number of values"},
	{"a dictionary that lacks values", withDictionary(5, []byte{1, 8, 0}), fault.PersistError,
		"a dictionary of 8 bytes for 5"},
	{"GH-43605: an index behind the dictionary", withDictionary(2, []byte{3, 8, 5}),
		fault.PersistError, "index 5 of a dictionary of 2"},
	{"GH-41321: indices that end", withDictionary(2, []byte{1, 3}), fault.PersistError,
		"runs of levels or indices"},
	{"indices of 60 bits", withDictionary(2, []byte{60, 8, 0}), fault.PersistError, "60 bits"},
	{"indices without a dictionary", paged(func(p *forgedPage) { p.encoding = runsOfDictionary }),
		fault.PersistError, "without a dictionary"},
	{"differences that end", integers([]byte{0x80, 1, 4, 4, 0}), fault.PersistError, "differences"},
	{"differences of blocks of nothing", integers([]byte{0, 4, 4, 0}), fault.PersistError,
		"differences"},
	{"differences of more values than the page",
		integers(binary.AppendUvarint([]byte{0x80, 1, 4}, 1<<60)), fault.PersistError, "differences"},
	{"a page that becomes 2 GB", whole(func(f *forged) {
		f.codec, f.pages[0].decoded = codecSnappy, 1<<31-1
	}), fault.LimitExceeded, `raise the limit "page_decoded"`},
	{"snappy that claims 4 GB", whole(func(f *forged) {
		f.codec, f.pages[0].raw = codecSnappy, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}
	}), fault.PersistError, "bytes came of a page of"},
	{"zstd that becomes more than it says", whole(func(f *forged) {
		f.codec, f.pages[0].raw, f.pages[0].decoded = codecZstd, pack(codecZstd, zeros), 100
	}), fault.PersistError, "ZSTD of the page"},
	{"a bomb of zeros", whole(func(f *forged) {
		f.codec, f.pages[0].values = codecZstd, zeros
	}), fault.LimitExceeded, `raise the limit "ratio"`},
	{"a vector of 70,000 numbers", forged{rows: 1, values: 70_000, pages: []forgedPage{{n: 70_000,
		rep: runsOf(0, 1, 1, 69_999), def: run(2, 70_000), values: zeros[:280_000]}}},
		fault.LimitExceeded, `raise the limit "list"`},
	{"2**40 null rows in a run", forged{rows: 1 << 40, values: 1 << 40, pages: []forgedPage{{
		n: 1 << 30, rep: run(0, 1<<30), def: run(0, 1<<30)}}}, fault.PersistError, "the row group has"},
	{"2**30 null rows in a run", forged{rows: 1 << 30, values: 1 << 30, pages: []forgedPage{{
		n: 1 << 30, rep: run(0, 1<<30), def: run(0, 1<<30)}}}, fault.LimitExceeded, `"ratio"`},
	{"2**30 null rows and a vector", forged{rows: 1<<30 + 1, values: 1<<30 + 2, pages: []forgedPage{
		{n: 1<<30 + 2, rep: runsOf(0, 1, 1, 1, 0, 1<<30), def: runsOf(2, 2, 0, 1<<30),
			values: zeros[:8]}}}, fault.LimitExceeded, `"ratio"`},
}

// withDictionary is a file of a dictionary of two numbers, of n by its head, and indices.
func withDictionary(n int64, indices []byte) forged {
	f := good()
	f.pages[0].values, f.pages[0].encoding = indices, runsOfDictionary
	f.pages = append([]forgedPage{{kind: pageDictionary, n: n, values: zeros[:8]}}, f.pages...)
	return f
}

// integers is a file of INT(8,true) in differences.
func integers(values []byte) forged {
	f := good()
	f.physical, f.integer = int64(Int32), true
	f.pages[0].values, f.pages[0].encoding = values, deltaBinary
	return f
}

func TestForgedFilesAreRefusedByName(t *testing.T) {
	for _, c := range forgeries {
		err := survive(t, c.file.bytes())
		assert.Equal(t, c.kind, fault.KindOf(err), "%s: %v", c.name, err)
		if c.says != "" {
			assert.ErrorContains(t, err, c.says, c.name)
		}
	}
}

func TestFootersThatAreForgedEndInAnError(t *testing.T) {
	nested := bytes.Repeat([]byte{0x1C}, 1<<20) // a structure in a structure in ...
	lists := bytes.Repeat([]byte{0x19}, 1<<20)
	huge := (&thriftWriter{}).begin().i32(1, 1).list(2, thriftStruct, 1<<40).out
	for name, footer := range map[string][]byte{"nested": nested, "lists": lists, "huge": huge,
		"empty": {}, "nothing": {0}} {
		file := append([]byte("PAR1"), footer...)
		file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
		err := survive(t, file)
		assert.Equal(t, fault.PersistError, fault.KindOf(err), name)
		assert.ErrorContains(t, err, "the footer is damaged", name)
	}
	for _, tail := range []string{"", "PAR1", "PAR1PAR1", "PAR1\x00\x00\x00\x00PARE",
		"PAR1\xff\xff\xff\xffPAR1", "PAR1\xff\xff\xff\x7fPAR1"} {
		assert.Equal(t, fault.PersistError, fault.KindOf(survive(t, []byte(tail))), tail)
	}
}

// small are files of every codec and encoding, as seeds of what damages them.
func small(t testing.TB) [][]byte {
	rows := [][]row{{{1, 2, 3}, nil, {4, 5, 6}, {1, 2, 3}}, {{7, 8, 9}}}
	var all [][]byte
	for i, codec := range codecs {
		for e := Float32; e <= Uint8; e++ {
			of := encodings[e]
			m := made{elem: e, outer: pq.Repetitions.Optional, groups: rows, codec: codec,
				encoding: of[i%len(of)], version2: i%2 == 0, dictionary: i%3 == 0}
			all = append(all, m.bytes(t))
		}
	}
	for _, c := range forgeries {
		if data := c.file.bytes(); len(data) < 4096 {
			all = append(all, data)
		}
	}
	return all
}

func TestEveryCutAndEveryFlippedBitEndsWell(t *testing.T) {
	for i, data := range small(t) {
		if i%5 != 0 {
			continue // a fifth of them, of each codec one
		}
		for n := range data {
			require.Error(t, survive(t, data[:n]))
		}
		for at := range data {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << (at % 8)
			_ = survive(t, changed) // it may hit what nobody reads
		}
	}
}

// damages is how many damaged files TestDamagedFilesEndWell reads.
var damages = flag.Int("damages", 4000, "damaged files")

// damage changes a file as forgers and broken disks do: bytes, runs of bytes, numbers that are
// varints, parts of other files; the length of the footer is kept true half the time.
func damage(r *rand.Rand, data, other []byte) []byte {
	data = bytes.Clone(data)
	for range 1 + r.Intn(4) {
		at := r.Intn(len(data))
		switch r.Intn(7) {
		case 0:
			data[at] ^= 1 << r.Intn(8)
		case 1:
			data[at] = byte(r.Intn(256))
		case 2: // a number, of any size
			v := binary.AppendVarint(nil, r.Int63()>>r.Intn(63)-int64(r.Intn(2)))
			data = slices.Replace(data, at, min(at+1+r.Intn(2), len(data)), v...)
		case 3:
			data = slices.Delete(data, at, min(at+1+r.Intn(8), len(data)))
		case 4:
			data = slices.Insert(data, at, data[at:min(at+1+r.Intn(40), len(data))]...)
		case 5:
			from := r.Intn(len(other))
			copy(data[at:], other[from:min(from+1+r.Intn(60), len(other))])
		case 6:
			data[at] = []byte{0, 1, 0x7f, 0x80, 0xff, 0x15, 0x1c, 0x19}[r.Intn(8)]
		}
		if len(data) < 12 {
			return data
		}
	}
	if n := len(data); r.Intn(2) == 0 {
		if at := bytes.Index(data[4:], []byte{0x15, 2, 0x19}); at >= 0 { // where footers begin
			binary.LittleEndian.PutUint32(data[n-8:], uint32(n-8-at-4))
			copy(data[n-4:], "PAR1")
		}
	}
	return data
}

func TestDamagedFilesEndWell(t *testing.T) {
	seed := rand.Int63()
	r := rand.New(rand.NewSource(seed))
	files := small(t)
	deep := 0 // how many were opened in spite of it
	var data []byte
	defer func() {
		if t.Failed() {
			t.Logf("seed %d: %x", seed, data)
		}
	}()
	for range *damages {
		data = damage(r, files[r.Intn(len(files))], files[r.Intn(len(files))])
		begun := time.Now()
		err := survive(t, data)
		if spent := time.Since(begun); spent > 20*time.Second {
			t.Fatalf("%v for %d bytes", spent, len(data))
		}
		if err == nil || !strings.Contains(err.Error(), "footer") {
			deep++
		}
	}
	t.Logf("seed %d: %d of %d beyond the footer", seed, deep, *damages)
	assert.Greater(t, deep, *damages/5)
}

func FuzzParquet(f *testing.F) {
	for _, data := range small(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { _ = survive(t, data) })
}

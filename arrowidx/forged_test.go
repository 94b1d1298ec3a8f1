package arrowidx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Files whose checksums are right and whose contents cannot be. Numbers of sections and offsets are
// those of docs/format.md.

const (
	parametersSection = 2
	provenanceSection = 3
	meanSection       = 4
	rotationSection   = 5
	blocksSection     = 6
	extraSection      = 7
	normsSection      = 8
	idsSection        = 9
	offsetsSection    = 10
	textSection       = 11
	aliveSection      = 12
	vectorsSection    = 13
	contentSection    = 14
)

// forgedFile is a file to be changed: its sections by number.
type forgedFile struct {
	bytes []byte
	lines map[int][]byte // lines of the section table
}

func openForged(file []byte) forgedFile {
	f := forgedFile{bytes.Clone(file), map[int][]byte{}}
	for i := range int(binary.LittleEndian.Uint32(f.bytes[40:])) {
		line := f.bytes[64+48*i : 64+48*(i+1)]
		f.lines[int(binary.LittleEndian.Uint32(line))] = line
	}
	return f
}

// section returns the bytes of a section.
func (f forgedFile) section(kind int) []byte {
	line := f.lines[kind]
	at, n := binary.LittleEndian.Uint64(line[8:]), binary.LittleEndian.Uint64(line[16:])
	return f.bytes[at : at+n]
}

func putFloat(b []byte, v float64) {
	binary.LittleEndian.PutUint32(b, math.Float32bits(float32(v)))
}

// without cuts a section out: its line, its bytes and the room before the next.
func (f forgedFile) without(kind int) []byte {
	var kinds []int
	for k := 1; k <= contentSection; k++ {
		if f.lines[k] != nil && k != kind {
			kinds = append(kinds, k)
		}
	}
	out := append([]byte(nil), f.bytes[:64]...)
	out = append(out, make([]byte, 48*len(kinds))...)
	for i, k := range kinds {
		out = append(out, make([]byte, -len(out)&63)...)
		line := out[64+48*i : 64+48*(i+1)]
		copy(line, f.lines[k])
		binary.LittleEndian.PutUint64(line[8:], uint64(len(out)))
		out = append(out, f.section(k)...)
	}
	binary.LittleEndian.PutUint32(out[40:], uint32(len(kinds)))
	binary.LittleEndian.PutUint64(out[24:], uint64(len(out)))
	return out
}

// forgery changes one field of a file; the error must name the section.
type forgery struct {
	field string
	names string
	forge func(f forgedFile)
}

// parameter sets bytes of the parameters.
func parameter(field string, at int, value ...byte) forgery {
	return forgery{field, "parameters", func(f forgedFile) {
		copy(f.section(parametersSection)[at:], value)
	}}
}

func float64Bytes(v float64) []byte {
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
}

func float32Bytes(v float64) []byte {
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
}

// everyFile are forgeries that every file has room for.
var everyFile = []forgery{
	parameter("kind 0", 0, 0), parameter("kind 4", 0, 4), parameter("metric 6", 1, 6),
	parameter("bits 10", 2, 10), parameter("id kind 5", 3, 5),
	parameter("65,537 dimensions", 4, 1, 0, 1, 0),
	parameter("2^31 + 1 rows", 8, 1, 0, 0, 0x80, 0, 0, 0, 0),
	parameter("2^63 rows", 15, 0x80), parameter("more nulls than rows", 16, 41),
	parameter("2^56 nulls", 23, 1),
	parameter("recall 0", 32, float64Bytes(0)...), parameter("recall 1.1", 32, float64Bytes(1.1)...),
	parameter("recall NaN", 32, float64Bytes(math.NaN())...),
	parameter("scale 0", 40, float32Bytes(0)...), parameter("scale 3", 40, float32Bytes(3)...),
	parameter("scale -1", 40, float32Bytes(-1)...),
	parameter("scale NaN", 40, float32Bytes(math.NaN())...),
	parameter("scale infinite", 40, float32Bytes(math.Inf(1))...),
	parameter("radius -1", 44, float32Bytes(-1)...),
	parameter("radius 5", 44, float32Bytes(5)...),
	parameter("radius NaN", 44, float32Bytes(math.NaN())...),
	{"a row past the last is alive", "alive", func(f forgedFile) {
		f.section(aliveSection)[5] |= 0x80
	}},
	{"fewer rows are alive than not null", "alive", func(f forgedFile) {
		f.section(parametersSection)[16] = 1 // one null, and all 40 rows alive
	}},
	{"mean NaN", "mean", func(f forgedFile) { putFloat(f.section(meanSection), math.NaN()) }},
	{"mean far out", "mean", func(f forgedFile) { putFloat(f.section(meanSection)[4:], 3) }},
}

var flatFiles = []forgery{
	{"another rotation", "rotation", func(f forgedFile) { f.section(rotationSection)[3] ^= 1 }},
	{"another seed", "rotation", func(f forgedFile) { f.section(parametersSection)[24] ^= 1 }},
	{"plane: f_add NaN", "blocks", planeFactor(0, math.NaN())},
	{"plane: f_add too large", "blocks", planeFactor(0, 1<<21)},
	{"plane: f_rescale positive", "blocks", planeFactor(1, 1)},
	{"plane: f_rescale infinite", "blocks", planeFactor(1, math.Inf(-1))},
	{"plane: f_error negative", "blocks", planeFactor(2, -1)},
	{"plane: f_error NaN", "blocks", planeFactor(2, math.NaN())},
	{"code: f_add infinite", "extra", codeFactor(0, math.Inf(-1))},
	{"code: f_rescale NaN", "extra", codeFactor(1, math.NaN())},
	{"code: f_error too large", "extra", codeFactor(2, math.Inf(1))},
	{"another number of bits", "extra", func(f forgedFile) { f.section(parametersSection)[2] = 5 }},
	{"stored vectors of other rows", "vectors", func(f forgedFile) {
		putFloat(f.section(vectorsSection), 0.125)
	}},
	{"a stored vector of NaN", "vectors", func(f forgedFile) {
		putFloat(f.section(vectorsSection)[20:], math.NaN())
	}},
	{"a stored vector too long", "vectors", func(f forgedFile) {
		putFloat(f.section(vectorsSection)[20:], 1e30)
	}},
	{"another digest", "vectors", func(f forgedFile) { f.section(parametersSection)[79] ^= 1 }},
	{"bytes that are no text", "provenance", func(f forgedFile) {
		f.section(provenanceSection)[0] = 0xff
	}},
}

// planeFactor sets a factor of row 5 in its block of 640 bytes: D is 64.
func planeFactor(which int, v float64) func(forgedFile) {
	return func(f forgedFile) { putFloat(f.section(blocksSection)[256+128*which+4*5:], v) }
}

// codeFactor sets a factor of row 7 in the extra bits: 16 bytes of 2 bits and 12 of factors a row.
func codeFactor(which int, v float64) func(forgedFile) {
	return func(f forgedFile) { putFloat(f.section(extraSection)[7*28+16+4*which:], v) }
}

var exactFiles = []forgery{
	{"a norm of NaN", "norms", func(f forgedFile) { putFloat(f.section(normsSection), math.NaN()) }},
	{"a negative norm", "norms", func(f forgedFile) { putFloat(f.section(normsSection)[8:], -1) }},
	{"a norm too long", "norms", func(f forgedFile) { putFloat(f.section(normsSection)[8:], 1e39) }},
	{"metric l2 with norms", "norms", func(f forgedFile) { f.section(parametersSection)[1] = 2 }},
	{"no offset is 0", "id offsets", putOffset(0, 1)},
	{"offsets that shrink", "id offsets", putOffset(3, 2)},
	{"an offset past the text", "id offsets", putOffset(3, 1<<40)},
	{"an offset of 2^64 - 1", "id offsets", putOffset(3, math.MaxUint64)},
	{"more text than there is", "id text", putOffset(40, 100_000)},
	{"an id that is no text", "id offsets", func(f forgedFile) { f.section(textSection)[0] = 0xff }},
	{"an id cut inside a letter", "id offsets", func(f forgedFile) {
		at := binary.LittleEndian.Uint64(f.section(offsetsSection)[8:])
		putOffset(1, at-1)(f)
	}},
	{"numbers instead of strings", "ids", func(f forgedFile) { f.section(parametersSection)[3] = 1 }},
}

func putOffset(i int, v uint64) func(forgedFile) {
	return func(f forgedFile) { binary.LittleEndian.PutUint64(f.section(offsetsSection)[8*i:], v) }
}

// forgedOf makes the files to be forged: 40 rows of 5 numbers.
func forgedOf(t testing.TB, kind arrowidx.Kind) []byte {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 220), 40, 5)
	o := arrowidx.BuildOptions{Kind: kind, Bits: 3, Provenance: "p", Seed: 4}
	if kind == arrowidx.Exact {
		o.IDs = arrowidxtest.EveryIDs(t, 40)["string"]
	}
	_, file := build(t, rows, 5, o, true)
	return file
}

func TestEveryForgedFieldIsRefusedByItsSection(t *testing.T) {
	flat, exact := forgedOf(t, arrowidx.Flat), forgedOf(t, arrowidx.Exact)
	for _, c := range []struct {
		name  string
		file  []byte
		cases []forgery
	}{
		{"flat", flat, everyFile}, {"flat", flat, flatFiles},
		{"exact", exact, everyFile}, {"exact", exact, exactFiles},
	} {
		for _, f := range c.cases {
			t.Run(c.name+" "+f.field, func(t *testing.T) {
				forged := openForged(c.file)
				f.forge(forged)
				require.NotEqual(t, c.file, forged.bytes, "the forgery changes something")
				repair(forged.bytes)
				_, err := arrowidx.Decode(t.Context(), forged.bytes)
				require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%v", err)
				require.ErrorContains(t, err, "section "+f.names+" at offset")
			})
		}
	}
}

func TestAMissingSectionIsNamed(t *testing.T) {
	names := map[int]string{parametersSection: "parameters", meanSection: "mean",
		rotationSection: "rotation", blocksSection: "blocks", extraSection: "extra",
		normsSection: "norms", offsetsSection: "id offsets", textSection: "id text",
		aliveSection: "alive"}
	for _, kind := range bothKinds {
		file := openForged(forgedOf(t, kind))
		for section := range file.lines {
			cut := file.without(section)
			repair(cut)
			ix, err := arrowidx.Decode(t.Context(), cut)
			if name, needed := names[section]; needed {
				require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), name)
				require.ErrorContains(t, err, "section "+name)
				continue
			}
			require.NoError(t, err, "section %d may be missing", section)
			require.Equal(t, section != vectorsSection, ix.Info().Vectors)
			ix.Close()
		}
	}
}

// line forges a field of the section table itself.
func TestForgedTablesAreRefused(t *testing.T) {
	le := binary.LittleEndian
	file := forgedOf(t, arrowidx.Flat)
	line := func(i int) int { return 64 + 48*i }
	for name, forge := range map[string]func(b []byte){
		"kinds that fall": func(b []byte) { le.PutUint32(b[line(1):], 1) },
		"a kind twice":    func(b []byte) { le.PutUint32(b[line(1):], 2) },
		"an unknown kind": func(b []byte) { le.PutUint32(b[line(8):], 15) },
		"kind 0":          func(b []byte) { le.PutUint32(b[line(0):], 0) },
		"reserved bytes":  func(b []byte) { b[line(2)+4] = 1 },
		"reserved tail":   func(b []byte) { b[line(2)+47] = 1 },
		"a hole": func(b []byte) {
			le.PutUint64(b[line(1)+8:], le.Uint64(b[line(1)+8:])+64)
		},
		"an offset of 2^63":     func(b []byte) { le.PutUint64(b[line(1)+8:], 1<<63) },
		"a length of 2^64 - 64": func(b []byte) { le.PutUint64(b[line(1)+16:], ^uint64(63)) },
		"an empty section":      func(b []byte) { le.PutUint64(b[line(1)+16:], 0) },
		"elements of no bytes":  func(b []byte) { le.PutUint32(b[line(1)+32:], 0) },
		"a count that overflows": func(b []byte) {
			le.PutUint64(b[line(2)+24:], 1<<62)
			le.PutUint32(b[line(2)+32:], 8)
		},
		"another count":           func(b []byte) { le.PutUint64(b[line(2)+24:], 3) },
		"65 sections":             func(b []byte) { le.PutUint32(b[40:], 65) },
		"no sections":             func(b []byte) { le.PutUint32(b[40:], 0) },
		"one section too few":     func(b []byte) { le.PutUint32(b[40:], 8) },
		"the table elsewhere":     func(b []byte) { le.PutUint64(b[32:], 128) },
		"a longer file":           func(b []byte) { le.PutUint64(b[24:], uint64(len(b))+1) },
		"a shorter file":          func(b []byte) { le.PutUint64(b[24:], uint64(len(b))-1) },
		"reserved header bytes":   func(b []byte) { b[50] = 1 },
		"reserved header bytes 2": func(b []byte) { b[21] = 1 },
		"padding":                 func(b []byte) { b[line(9)+3] = 1 },
	} {
		bad := bytes.Clone(file)
		forge(bad)
		seal(bad)
		_, err := arrowidx.Decode(t.Context(), bad)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s: %v", name, err)
	}
}

// seal makes the checksums of header and table right, whatever they say.
func seal(b []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	n := min(int(binary.LittleEndian.Uint32(b[40:])), (len(b)-64)/48)
	binary.LittleEndian.PutUint32(b[44:], crc32.Checksum(b[64:64+48*n], table))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

func TestHeadersAreJudgedInOrder(t *testing.T) {
	file := forgedOf(t, arrowidx.Exact)
	for _, c := range []struct {
		at   int
		want arrowidx.ErrorKind
	}{
		{0, arrowidx.NotAnIndex}, {7, arrowidx.NotAnIndex}, {8, arrowidx.FormatTooNew},
		{10, arrowidx.FormatTooNew}, {12, arrowidx.FormatTooNew}, {15, arrowidx.FormatTooNew},
		{24, arrowidx.CorruptIndex}, {44, arrowidx.CorruptIndex}, {60, arrowidx.CorruptIndex},
	} {
		bad := bytes.Clone(file)
		bad[c.at] ^= 0x40
		bad[len(bad)-1] ^= 1 // and damage that comes later in the order
		_, err := arrowidx.Decode(t.Context(), bad)
		require.Equal(t, c.want, arrowidx.KindOf(err), "byte %d: %v", c.at, err)
	}
	optional := bytes.Clone(file)
	optional[16] = 1
	seal(optional)
	ix, err := arrowidx.Decode(t.Context(), optional)
	require.NoError(t, err, "a reader may ignore optional flags")
	ix.Close()
	for n := range 8 {
		_, err := arrowidx.Decode(t.Context(), file[:n])
		require.Equal(t, arrowidx.NotAnIndex, arrowidx.KindOf(err), fmt.Sprint(n))
	}
	_, err = arrowidx.Decode(t.Context(), nil)
	require.Equal(t, arrowidx.NotAnIndex, arrowidx.KindOf(err))
}

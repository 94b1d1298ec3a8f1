package arrowidx_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Sections of kind ivf whose checksums are right and whose contents cannot be (docs/format.md).

const (
	centroidsSection   = 15
	sizesSection       = 16
	extentsSection     = 17
	cellRowsSection    = 18
	calibrationSection = 19
)

// cellsFile is a file of 40 rows of 5 numbers in 6 cells, with vectors and calibration.
func cellsFile(t testing.TB) []byte {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 320), 40, 5)
	_, file := build(t, rows, 5, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 3, Cells: 6,
		Provenance: "p", Seed: 4}, true)
	return file
}

// piece is a section to be written.
type piece struct {
	kind, count, size int
	bytes             []byte
}

func (f forgedFile) pieces() []piece {
	var out []piece
	for kind, line := range f.lines {
		out = append(out, piece{kind, int(binary.LittleEndian.Uint64(line[24:])),
			int(binary.LittleEndian.Uint32(line[32:])), f.section(kind)})
	}
	slices.SortFunc(out, func(a, b piece) int { return a.kind - b.kind })
	return out
}

// assembled is a file of the pieces with right checksums and the header of the given file.
func assembled(header []byte, pieces []piece) []byte {
	le := binary.LittleEndian
	out := append([]byte(nil), header[:64]...)
	out = append(out, make([]byte, 48*len(pieces))...)
	for i, p := range pieces {
		out = append(out, make([]byte, -len(out)&63)...)
		line := out[64+48*i:]
		le.PutUint32(line, uint32(p.kind))
		le.PutUint64(line[8:], uint64(len(out)))
		le.PutUint64(line[16:], uint64(len(p.bytes)))
		le.PutUint64(line[24:], uint64(p.count))
		le.PutUint32(line[32:], uint32(p.size))
		out = append(out, p.bytes...)
	}
	le.PutUint32(out[40:], uint32(len(pieces)))
	le.PutUint64(out[24:], uint64(len(out)))
	repair(out)
	return out
}

// allRefused makes each forgery of a file and expects that it is refused by its name.
func allRefused(t *testing.T, file []byte, forgeries []forgery) {
	t.Helper()
	for _, f := range forgeries {
		t.Run(f.field, func(t *testing.T) {
			forged := openForged(file)
			f.forge(forged)
			require.NotEqual(t, file, forged.bytes, "the forgery changes something")
			repair(forged.bytes)
			refused(t, forged.bytes, f.field, f.names)
		})
	}
}

func refused(t *testing.T, file []byte, name, section string) {
	t.Helper()
	_, err := arrowidx.Decode(t.Context(), file)
	require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s: %v", name, err)
	require.ErrorContains(t, err, "section "+section, name)
	err = verifiedMapped(t, file)
	require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s, mapped: %v", name, err)
	require.ErrorContains(t, err, "section "+section, name)
}

func putWord(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }

func word(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// line returns calibration point i, and where its whole numbers begin.
func (f forgedFile) line(i int) (line []byte, numbers int) {
	size := int(binary.LittleEndian.Uint32(f.lines[calibrationSection][32:]))
	return f.section(calibrationSection)[i*size : (i+1)*size], 32
}

// setPoint sets a float64 of the third point.
func setPoint(at int, v float64) func(forgedFile) {
	return func(f forgedFile) {
		line, _ := f.line(2)
		copy(line[at:], float64Bytes(v))
	}
}

// setPointNumber sets a whole number of the third point.
func setPointNumber(at int, v uint32) func(forgedFile) {
	return func(f forgedFile) {
		line, numbers := f.line(2)
		putWord(line[numbers+at:], v)
	}
}

func float(kind, at int, v float64) func(forgedFile) {
	return func(f forgedFile) { putFloat(f.section(kind)[at:], v) }
}

var cellsForgeries = []forgery{
	{"a centroid of NaN", "centroids", float(centroidsSection, 0, math.NaN())},
	{"an infinite centroid", "centroids", float(centroidsSection, 4*64, math.Inf(1))},
	{"a centroid far out", "centroids", float(centroidsSection, 4*64*3, 2.1)},
	{"a negative radius", "c", float(extentsSection, 0, -0.5)},
	{"a radius of NaN", "c", float(extentsSection, 0, math.NaN())},
	{"an infinite radius", "c", float(extentsSection, 0, math.Inf(1))},
	{"a radius too large", "c", float(extentsSection, 0, 4.5)},
	{"a mean length beyond the radius", "c", float(extentsSection, 4, 3.9)},
	{"a mean length of NaN", "c", float(extentsSection, 4, math.NaN())},
	{"sizes of one row more", "cell sizes", func(f forgedFile) {
		s := f.section(sizesSection)
		putWord(s, word(s)+1)
	}},
	{"sizes of no row", "cell sizes", func(f forgedFile) { clear(f.section(sizesSection)) }},
	{"sizes that sum to 40 by overflow", "cell sizes", func(f forgedFile) {
		s := f.section(sizesSection)
		putWord(s, word(s)-1<<31)
		putWord(s[4:], word(s[4:])-1<<31)
	}},
	{"a row twice", "cell rows", func(f forgedFile) {
		s := f.section(cellRowsSection)
		copy(s[4:8], s[:4])
	}},
	{"a row in two cells", "cell rows", func(f forgedFile) {
		s := f.section(cellRowsSection)
		first := word(f.section(sizesSection))
		copy(s[4*first:4*first+4], s[:4])
	}},
	{"a row past the last", "cell rows", func(f forgedFile) {
		s := f.section(cellRowsSection)
		putWord(s[len(s)-4:], 40)
	}},
	{"row 2^32 - 1", "cell rows", func(f forgedFile) {
		s := f.section(cellRowsSection)
		putWord(s[len(s)-4:], math.MaxUint32)
	}},
	{"rows that fall within a cell", "cell rows", func(f forgedFile) {
		s := f.section(cellRowsSection)
		a, b := word(s), word(s[4:])
		putWord(s, b)
		putWord(s[4:], a)
	}},
	{"0 probes", "calibration", setPointNumber(0, 0)},
	{"more probes than cells", "calibration", setPointNumber(0, 7)},
	{"2^32 - 1 probes", "calibration", setPointNumber(0, math.MaxUint32)},
	{"2^32 - 1 rows measured", "calibration", setPointNumber(4, math.MaxUint32)},
	{"a target of NaN", "calibration", setPoint(0, math.NaN())},
	{"a target of 0", "calibration", setPoint(0, 0)},
	{"a target above 1", "calibration", setPoint(0, 1.5)},
	{"a recall of NaN", "calibration", setPoint(8, math.NaN())},
	{"a negative recall", "calibration", setPoint(8, -0.1)},
	{"a recall above 1", "calibration", setPoint(8, 1.1)},
	{"bounds of NaN", "calibration", setPoint(16, math.NaN())},
	{"bounds of no width", "calibration", setPoint(16, 0)},
	{"negative bounds", "calibration", setPoint(16, -1)},
	{"infinite bounds", "calibration", setPoint(16, math.Inf(1))},
	{"a cut of NaN", "calibration", setPoint(24, math.NaN())},
	{"a cut that is no cosine", "calibration", setPoint(24, -1.5)},
	{"a cut that no score reaches", "calibration", setPoint(24, 66)},
	{"a weight of NaN", "calibration", setPoint(48, math.NaN())},
	{"a negative weight", "calibration", setPoint(48, -0.01)},
	{"a weight above 1", "calibration", setPoint(48, 1.01)},
}

func TestEveryForgedFieldOfCellsIsRefused(t *testing.T) {
	allRefused(t, cellsFile(t), cellsForgeries)
}

func TestAMissingSectionOfCellsIsNamed(t *testing.T) {
	file := openForged(cellsFile(t))
	whole := file.pieces()
	ix, err := arrowidx.Decode(t.Context(), assembled(file.bytes, whole))
	require.NoError(t, err, "taken apart and put together it is the file that it was")
	require.Equal(t, hash(file.bytes), hash(arrowidxtest.Bytes(t, ix, true)))
	ix.Close()
	for i, p := range whole {
		cut := assembled(file.bytes, slices.Delete(slices.Clone(whole), i, i+1))
		switch p.kind {
		case centroidsSection:
			refused(t, cut, "no centroids", "centroids")
		case sizesSection, extentsSection:
			refused(t, cut, "no sizes or extents", "cell ")
		case cellRowsSection:
			refused(t, cut, "no rows", "cell rows")
		case calibrationSection:
			ix, err := arrowidx.Decode(t.Context(), cut)
			require.NoError(t, err, "an index may be without calibration")
			require.False(t, ix.Info().Calibrated)
			_, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: make([]float32, 5), NQ: 1, K: 3})
			require.EqualValues(t, 6, plan.Cells)
			ix.Close()
		}
	}
}

func TestSectionsOfCellsInAFlatFileAreRefused(t *testing.T) {
	cells := openForged(cellsFile(t))
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.Exact} {
		other := openForged(forgedOf(t, kind))
		for _, p := range cells.pieces() {
			if p.kind >= centroidsSection {
				refused(t, assembled(other.bytes, append(other.pieces(), p)), kind.String(), "")
			}
		}
	}
	// And a flat file that says that it is one of cells.
	flat := openForged(forgedOf(t, arrowidx.Flat))
	flat.section(parametersSection)[0] = cells.section(parametersSection)[0]
	repair(flat.bytes)
	refused(t, flat.bytes, "flat as ivf", "")
}

func TestOtherNumbersOfCellsThanTheFileHasAreRefused(t *testing.T) {
	file := openForged(cellsFile(t))
	for name, change := range map[string]func(p *piece){
		"41 cells": func(p *piece) {
			if p.kind == sizesSection {
				p.count, p.bytes = 41, make([]byte, 4*41)
				putWord(p.bytes, 40)
			}
		},
		"5 cells": func(p *piece) {
			if p.kind == sizesSection {
				p.count, p.bytes = 5, p.bytes[:20]
			}
		},
		"a centroid too few": func(p *piece) {
			if p.kind == centroidsSection {
				p.count, p.bytes = p.count-64, p.bytes[:len(p.bytes)-4*64]
			}
		},
		"a row too many": func(p *piece) {
			if p.kind == cellRowsSection {
				p.count, p.bytes = 41, append(slices.Clone(p.bytes), 0, 0, 0, 0)
			}
		},
		"a row too few": func(p *piece) {
			if p.kind == cellRowsSection {
				p.count, p.bytes = 39, p.bytes[:4*39]
			}
		},
		"65 settings": func(p *piece) {
			if p.kind == calibrationSection {
				line := p.bytes[:p.size]
				p.count, p.bytes = 65, nil
				for range 65 {
					p.bytes = append(p.bytes, line...)
				}
			}
		},
		"settings of 8 bytes": func(p *piece) {
			if p.kind == calibrationSection {
				p.count, p.size = p.count*p.size/8, 8
			}
		},
	} {
		pieces := file.pieces()
		for i := range pieces {
			change(&pieces[i])
		}
		refused(t, assembled(file.bytes, pieces), name, "")
	}
}

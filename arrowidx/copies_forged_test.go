package arrowidx_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Sections of copies whose checksums are right and whose contents cannot be (docs/format.md).

const (
	copyBlocksSection      = 21
	copySizesSection       = 22
	copyRowsSection        = 23
	copyCalibrationSection = 24
)

// copiesFile is a file of 80 rows of 5 numbers in 6 cells, each with a copy in another.
func copiesFile(t testing.TB) []byte {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 322), 80, 5)
	ix, file := build(t, rows, 5, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 3, Cells: 6,
		Copies: arrowidx.CopyAll, Seed: 4}, true)
	require.Equal(t, 80, ix.Info().Copies)
	return file
}

// copiesIn returns where the copies of the first cell of two or more are, as section 23 has them,
// and the position of the cell's first row.
func (f forgedFile) copiesIn() (copies []byte, first uint32) {
	sizes, rows := f.section(copySizesSection), f.section(sizesSection)
	all := f.section(copyRowsSection)
	for ; word(sizes) < 2 || word(rows) == 0; sizes, rows = sizes[4:], rows[4:] {
		all, first = all[4*word(sizes):], first+word(rows)
	}
	return all[:4*word(sizes)], first
}

var copiesForgeries = []forgery{
	{"a position past the last", "copy rows", func(f forgedFile) {
		s := f.section(copyRowsSection)
		putWord(s[len(s)-4:], 80)
	}},
	{"position 2^32 - 1", "copy rows", func(f forgedFile) {
		s := f.section(copyRowsSection)
		putWord(s[len(s)-4:], math.MaxUint32)
	}},
	{"a position twice", "copy rows", func(f forgedFile) {
		s, _ := f.copiesIn()
		copy(s[4:8], s[:4])
	}},
	{"positions that fall within a cell", "copy rows", func(f forgedFile) {
		s, _ := f.copiesIn()
		a, b := word(s), word(s[4:])
		putWord(s, b)
		putWord(s[4:], a)
	}},
	{"a position in two cells", "copy rows", func(f forgedFile) {
		s := f.section(copyRowsSection)
		copy(s[len(s)-4:], s[:4])
	}},
	{"a copy in the row's own cell", "copy rows", func(f forgedFile) {
		s, first := f.copiesIn()
		putWord(s, first)
	}},
	{"sizes of one copy more", "copy sizes", func(f forgedFile) {
		s := f.section(copySizesSection)
		putWord(s, word(s)+1)
	}},
	{"sizes of none", "copy sizes", func(f forgedFile) { clear(f.section(copySizesSection)) }},
	{"sizes that sum to 80 by overflow", "copy sizes", func(f forgedFile) {
		s := f.section(copySizesSection)
		putWord(s, word(s)-1<<31)
		putWord(s[4:], word(s[4:])-1<<31)
	}},
	{"a factor of NaN", "copy blocks", float(copyBlocksSection, 256, math.NaN())},
	{"a factor that grows distances", "copy blocks", float(copyBlocksSection, 256+128, 1)},
	{"an infinite error", "copy blocks", float(copyBlocksSection, 256+256, math.Inf(1))},
	{"a negative error", "copy blocks", float(copyBlocksSection, 256+256, -1)},
	{"a target of NaN", "copy calibration", func(f forgedFile) {
		copy(f.section(copyCalibrationSection), float64Bytes(math.NaN()))
	}},
	{"0 probes", "copy calibration", func(f forgedFile) {
		putWord(f.section(copyCalibrationSection)[32:], 0)
	}},
}

func TestEveryForgedFieldOfCopiesIsRefused(t *testing.T) {
	allRefused(t, copiesFile(t), copiesForgeries)
}

func TestAMissingSectionOfCopiesIsNamed(t *testing.T) {
	file := openForged(copiesFile(t))
	whole := file.pieces()
	for i, p := range whole {
		cut := assembled(file.bytes, slices.Delete(slices.Clone(whole), i, i+1))
		switch p.kind {
		case copyBlocksSection, copySizesSection, copyRowsSection:
			refused(t, cut, "a section less", "copy ")
		case copyCalibrationSection:
			ix, err := arrowidx.Decode(t.Context(), cut)
			require.NoError(t, err, "copies may be without settings")
			require.Equal(t, 80, ix.Info().Copies)
			ix.Close()
		}
	}
}

func TestCopiesWhereNoneCanBeAreRefused(t *testing.T) {
	var copies []piece
	for _, p := range openForged(copiesFile(t)).pieces() {
		if p.kind >= copyBlocksSection {
			copies = append(copies, p)
		}
	}
	require.Len(t, copies, 4)
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 322), 80, 5)
	for name, o := range map[string]arrowidx.BuildOptions{
		"flat":     {Kind: arrowidx.Flat, Bits: 3},
		"exact":    {Kind: arrowidx.Exact},
		"dot":      {Kind: arrowidx.IVF, Metric: arrowidx.Dot, Bits: 3, Cells: 6},
		"one bit":  {Kind: arrowidx.IVF, Bits: 1, Cells: 6},
		"one cell": {Kind: arrowidx.IVF, Bits: 3, Cells: 1},
	} {
		_, other := build(t, rows, 5, o, true)
		file := openForged(other)
		refused(t, assembled(file.bytes, append(file.pieces(), copies...)), name, "copy ")
	}
}

func TestOtherNumbersOfCopiesThanTheFileSaysAreRefused(t *testing.T) {
	file := openForged(copiesFile(t))
	for name, change := range map[string]func(p *piece){
		"a copy too few": func(p *piece) {
			if p.kind == copyRowsSection {
				p.count, p.bytes = p.count-1, p.bytes[:len(p.bytes)-4]
			}
		},
		"more copies than rows": func(p *piece) {
			if p.kind == copyRowsSection {
				p.count, p.bytes = p.count+1, append(slices.Clone(p.bytes), 0, 0, 0, 0)
			}
		},
		"a cell too few": func(p *piece) {
			if p.kind == copySizesSection {
				p.count, p.bytes = p.count-1, p.bytes[:len(p.bytes)-4]
			}
		},
		"a block too few": func(p *piece) {
			if p.kind == copyBlocksSection {
				p.count, p.bytes = p.count-1, p.bytes[:len(p.bytes)-p.size]
			}
		},
		"blocks of another size": func(p *piece) {
			if p.kind == copyBlocksSection {
				p.count, p.size = p.count*p.size/64, 64
			}
		},
		"settings of 8 bytes": func(p *piece) {
			if p.kind == copyCalibrationSection {
				p.count, p.size = p.count*p.size/8, 8
			}
		},
	} {
		pieces := file.pieces()
		for i := range pieces {
			change(&pieces[i])
		}
		refused(t, assembled(file.bytes, pieces), name, "copy ")
	}
}

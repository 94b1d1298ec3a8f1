package arrowc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// What a refused column is called, and what to do about it.

func TestRefusedTypesAreCalledByTheirNames(t *testing.T) {
	for format, want := range map[string]string{
		"b": "bool", "vz": "binary_view", "tdD": "date32",
		"tsu:UTC": "timestamp", "+vl": "list_view", "+m": "map", "+r": "run_end_encoded",
		"n": "null", "d:10,2": `Arrow format "d:10,2"`, "\x01": `Arrow format "\x01"`,
	} {
		p := fixed()
		p.s.Format = cString(format)
		err := Check(p.s, p.a)
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), format)
		require.ErrorContains(t, err, "a column of "+want+" holds no vectors")
		require.ErrorContains(t, err, "use FixedSizeList")
	}
}

func TestListsOfEveryNumberTypeOfVectorsPass(t *testing.T) {
	for _, format := range []string{"f", "g", "e", "c", "C"} {
		for _, column := range []func() pair{fixed, list} {
			p := column()
			p.cs.Format = cString(format)
			require.NoError(t, Check(p.s, p.a), format)
		}
	}
}

func TestOtherNumbersAreNamedInsideLists(t *testing.T) {
	for format, want := range map[string]string{
		"l": "int64", "s": "int16", "S": "uint16", "b": "bool", "u": "string", "+l": "list",
		"tdm": "date64",
	} {
		for _, column := range []func() pair{fixed, list} {
			p := column()
			p.cs.Format = cString(format)
			require.ErrorContains(t, Check(p.s, p.a), "lists of "+want+" are not vectors")
		}
	}
}

func TestBrokenDataBlamesTheProducer(t *testing.T) {
	for want, spoil := range map[string]func(p *pair){
		"length -1":                    func(p *pair) { p.a.Length = -1 },
		"null count 3 of 2 rows":       func(p *pair) { p.a.NullCount = 3 },
		"2 nulls without a validity":   func(p *pair) { p.a.NullCount = 2 },
		"6 values, 3 rows of 3 need":   func(p *pair) { p.a.Length = 3 },
		"6 values, 2 rows of 4 need":   func(p *pair) { p.s.Format = cString("+w:4") },
		`list size in format "+w:0"`:   func(p *pair) { p.s.Format = cString("+w:0") },
		"6 values in a missing buffer": func(p *pair) { p.ca.Buffers = pointers(nil, nil) },
	} {
		p := fixed()
		spoil(&p)
		err := Check(p.s, p.a)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "the producer of this array is at fault")
	}
}

// Whatever the rows are counted from: offset and length together must fit the child.
func TestRowsPastTheChildAreFoundForEveryOffset(t *testing.T) {
	for offset := range int64(5) {
		for length := range int64(5) {
			p := fixed()
			p.a.Offset, p.a.Length = offset, length
			err := Check(p.s, p.a)
			if offset+length <= 2 {
				require.NoError(t, err, "%d rows from %d", length, offset)
			} else {
				require.Error(t, err, "%d rows from %d", length, offset)
			}
		}
	}
}

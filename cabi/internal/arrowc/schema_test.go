package arrowc

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// metadata makes the bytes of a field's metadata from numbers and texts, whatever they mean.
func metadata(parts ...any) *byte {
	b := []byte{}
	for _, part := range parts {
		switch v := part.(type) {
		case int:
			b = binary.NativeEndian.AppendUint32(b, uint32(int32(v)))
		case string:
			b = append(b, v...)
		}
	}
	return &append(b, make([]byte, 64)...)[0]
}

func TestSchemasOfVectorsAndIDsPass(t *testing.T) {
	for _, format := range []string{"u", "U", "z", "Z", "vu", "c", "C", "s", "S", "i", "I", "l", "L",
		"e", "f", "g", "w:1", "w:2147483647"} {
		require.NoError(t, CheckSchema(&Schema{Format: cString(format)}), format)
	}
	for _, format := range []string{"+l", "+L", "+w:1", "+w:2147483647"} {
		for _, child := range []string{"e", "f", "g", "c", "C"} {
			cs := &Schema{Format: cString(child)}
			s := &Schema{Format: cString(format), NChildren: 1, Children: &cs}
			require.NoError(t, CheckSchema(s), "%s of %s", format, child)
		}
	}
	require.NoError(t, CheckSchema(&Schema{Format: cString("f"), Metadata: metadata(0)}))
	require.NoError(t, CheckSchema(&Schema{Format: cString("f"),
		Metadata: metadata(2, 1, "k", 2, "vw", 0, 3, "xyz")}))
}

// A stream can end before a batch comes whose array would contradict its schema.
func TestSchemasThatContradictThemselvesAreRefusedWithoutABatch(t *testing.T) {
	for _, format := range []string{"+l", "+L", "+w:3", "u", "f", "w:3"} {
		for _, children := range []int64{-1 << 62, -1, 0, 1, 2, 1 << 40, 1 << 62} {
			for _, missing := range []bool{false, true} {
				p := fixed()
				p.s.Format, p.s.NChildren = cString(format), children
				if missing {
					p.s.Children = nil
				}
				if format[0] == '+' && children == 1 && !missing || format[0] != '+' && children == 0 {
					continue
				}
				err := CheckSchema(p.s)
				require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), "%s %d", format, children)
			}
		}
	}
	for name, spoil := range map[string]func(p *pair){
		"dictionary":            func(p *pair) { p.s.Dictionary = &Schema{} },
		"child dictionary":      func(p *pair) { p.cs.Dictionary = &Schema{} },
		"null child":            func(p *pair) { *p.s.Children = nil },
		"child with children":   func(p *pair) { p.cs.NChildren = 1 << 40 },
		"child of text":         func(p *pair) { p.cs.Format = cString("u") },
		"child of no format":    func(p *pair) { p.cs.Format = nil },
		"struct":                func(p *pair) { p.s.Format = cString("+s") },
		"no format":             func(p *pair) { p.s.Format = nil },
		"empty format":          func(p *pair) { p.s.Format = cString("") },
		"two letters":           func(p *pair) { p.s.Format = cString("fg") },
		"list of zero":          func(p *pair) { p.s.Format = cString("+w:0") },
		"list of too many":      func(p *pair) { p.s.Format = cString("+w:2147483648") },
		"negative pairs":        func(p *pair) { p.s.Metadata = metadata(-1) },
		"many pairs":            func(p *pair) { p.s.Metadata = metadata(1 << 30) },
		"negative key":          func(p *pair) { p.s.Metadata = metadata(1, -5) },
		"negative value":        func(p *pair) { p.s.Metadata = metadata(1, 1, "k", -1) },
		"a huge value":          func(p *pair) { p.s.Metadata = metadata(1, 1, "k", 1<<31-1) },
		"negative child pairs":  func(p *pair) { p.cs.Metadata = metadata(-1) },
		"a huge value of child": func(p *pair) { p.cs.Metadata = metadata(1, 1, "k", 1<<30) },
	} {
		p := fixed()
		spoil(&p)
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(CheckSchema(p.s)), name)
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(Check(p.s, p.a)), name)
	}
}

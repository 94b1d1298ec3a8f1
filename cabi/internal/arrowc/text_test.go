package arrowc

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// coded is a well-made dictionary array of "ab", "c", "ab".
func coded() pair {
	words := texts()
	codes := []int32{0, 1, 0}
	return pair{
		s: &Schema{Format: cString("i"), Dictionary: words.s},
		a: &Array{Length: 3, NBuffers: 2, Dictionary: words.a,
			Buffers: pointers(nil, unsafe.Pointer(unsafe.SliceData(codes)))},
	}
}

func largeTexts() pair {
	p := texts()
	p.s.Format = cString("U")
	at := []int64{0, 2, 3}
	p.a.Buffers = pointers(nil, unsafe.Pointer(unsafe.SliceData(at)), unsafe.Pointer(cString("abc")))
	return p
}

func TestColumnsOfTextsPass(t *testing.T) {
	codedViews := coded()
	views := viewTexts()
	codedViews.s.Dictionary, codedViews.a.Dictionary = views.s, views.a
	for name, p := range map[string]pair{
		"utf8": texts(), "large": largeTexts(), "views": viewTexts(), "dictionary": coded(),
		"dictionary of views": codedViews,
	} {
		require.NoError(t, CheckTextSchema(p.s), name)
		require.NoError(t, CheckTexts(p.s, p.a), name)
	}
}

func TestOtherColumnsAreRefusedAsTexts(t *testing.T) {
	numbers := coded()
	numbers.s.Dictionary = &Schema{Format: cString("l")}
	for name, c := range map[string]struct {
		p   pair
		why string
	}{
		"vectors":               {fixed(), "holds no texts; use string"},
		"binary":                {bytesOf(), "a column of binary holds no texts"},
		"a dictionary of int64": {numbers, "a column of int64 holds no texts"},
		"a table":               {pair{s: &Schema{Format: cString("+s")}}, "select the column"},
	} {
		err := CheckTextSchema(c.p.s)
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), name)
		require.ErrorContains(t, err, c.why, name)
		require.Error(t, CheckTexts(c.p.s, &Array{}), name)
	}
}

// brokenTexts are columns of texts that cannot be.
var brokenTexts = map[string]spoiled{
	"text without offsets":    {texts, func(p *pair) { p.a.Buffers = pointers(nil, nil, nil) }},
	"text of negative length": {texts, func(p *pair) { p.a.Length = -1 }},
	"a child":                 {texts, func(p *pair) { p.s.NChildren = 1 }},
	"views past their buffer": {viewTexts, func(p *pair) { p.a.views()[1].offset = 6 }},
	"large of shrinking offsets": {largeTexts, func(p *pair) {
		at := []int64{0, 3, 2}
		p.a.Buffers = pointers(nil, unsafe.Pointer(unsafe.SliceData(at)), floats(2))
	}},
	"dictionary in the schema alone": {coded, func(p *pair) { p.a.Dictionary = nil }},
	"dictionary in the array alone":  {coded, func(p *pair) { p.s = p.s.Dictionary }},
	"rows of a dictionary as text":   {coded, func(p *pair) { p.s.Format = cString("u") }},
	"codes in a missing buffer":      {coded, func(p *pair) { p.a.Buffers = pointers(nil, nil) }},
	"dictionary of huge length":      {coded, func(p *pair) { p.a.Dictionary.Length = huge }},
	"dictionary without offsets": {coded, func(p *pair) {
		p.a.Dictionary.Buffers = pointers(nil, nil, nil)
	}},
	"dictionary of a dictionary": {coded, func(p *pair) { p.s.Dictionary = coded().s }},
	"dictionary of a dictionary in the array": {coded, func(p *pair) {
		p.a.Dictionary.Dictionary = coded().a
	}},
	"endless metadata": {texts, func(p *pair) {
		p.s.Metadata = cString("\xff\xff\xff\x7f\xff\xff\xff\x7f")
	}},
}

func TestTextsThatContradictThemselvesAreNamedErrors(t *testing.T) {
	for name, c := range brokenTexts {
		p := c.make()
		c.spoil(&p)
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(CheckTexts(p.s, p.a)), name)
	}
}

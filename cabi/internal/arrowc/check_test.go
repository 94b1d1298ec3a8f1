package arrowc

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// pair is a column of hand-made structs.
type pair struct {
	s  *Schema
	a  *Array
	cs *Schema
	ca *Array
}

func cString(s string) *byte { return unsafe.SliceData(append([]byte(s), 0)) }

func pointers(p ...unsafe.Pointer) *unsafe.Pointer { return unsafe.SliceData(p) }

func floats(n int) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]float32, n+1)))
}

// fixed is a well-made FixedSizeList of 2 rows of 3 numbers.
func fixed() pair {
	p := pair{cs: &Schema{Format: cString("f")}}
	p.ca = &Array{Length: 6, NBuffers: 2, Buffers: pointers(nil, floats(6))}
	p.s = &Schema{Format: cString("+w:3"), NChildren: 1, Children: &p.cs}
	p.a = &Array{Length: 2, NBuffers: 1, Buffers: pointers(nil), NChildren: 1, Children: &p.ca}
	return p
}

// list is a well-made List of the same rows.
func list() pair {
	p := fixed()
	p.s.Format = cString("+l")
	p.a.NBuffers, p.a.Buffers = 2, pointers(nil, offsets32(0, 3, 6))
	return p
}

func offsets32(at ...int32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(at)) }

// texts is a well-made array of "ab", "c".
func texts() pair {
	return pair{
		s: &Schema{Format: cString("u")},
		a: &Array{Length: 2, NBuffers: 3, Buffers: pointers(nil, offsets32(0, 2, 3),
			unsafe.Pointer(cString("abc")))},
	}
}

// packedBits is a well-made FixedSizeBinary of 2 rows of 3 bytes.
func packedBits() pair {
	return pair{
		s: &Schema{Format: cString("w:3")},
		a: &Array{Length: 2, NBuffers: 2, Buffers: pointers(nil, floats(2))},
	}
}

// bytesOf is a well-made Binary of the rows "ab", "c".
func bytesOf() pair {
	p := texts()
	p.s.Format = cString("z")
	return p
}

// viewTexts is a well-made array of a short and a long text view.
func viewTexts() pair {
	views := []view{{size: 2}, {size: 20, buffer: 0, offset: 5}}
	sizes := []int64{25}
	return pair{
		s: &Schema{Format: cString("vu")},
		a: &Array{Length: 2, NBuffers: 4, Buffers: pointers(nil,
			unsafe.Pointer(unsafe.SliceData(views)), floats(10),
			unsafe.Pointer(unsafe.SliceData(sizes)))},
	}
}

func TestWellMadeStructsPass(t *testing.T) {
	empty := list()
	empty.a.Length, empty.a.Buffers = 0, pointers(nil, nil)
	numbers := pair{
		s: &Schema{Format: cString("l")},
		a: &Array{Length: 1, NBuffers: 2, Buffers: pointers(nil, floats(2))},
	}
	nullCount := fixed()
	nullCount.a.NullCount = -1
	for name, p := range map[string]pair{
		"fixed": fixed(), "list": list(), "texts": texts(), "views": viewTexts(),
		"packed bits": packedBits(), "binary": bytesOf(),
		"empty list without offsets": empty, "numbers": numbers, "nulls not counted": nullCount,
	} {
		require.NoError(t, Check(p.s, p.a), name)
	}
}

// huge is more rows than there can be.
const huge = 1 << 62

// spoiled is a well-made column and what is then done to it.
type spoiled struct {
	make  func() pair
	spoil func(p *pair)
}

// brokenBits are arrays of bytes that cannot be.
var brokenBits = map[string]spoiled{
	"width 0":        {packedBits, func(p *pair) { p.s.Format = cString("w:0") }},
	"negative width": {packedBits, func(p *pair) { p.s.Format = cString("w:-3") }},
	"no width":       {packedBits, func(p *pair) { p.s.Format = cString("w:") }},
	"a huge width":   {packedBits, func(p *pair) { p.s.Format = cString("w:99999999999") }},
	"missing bytes":  {packedBits, func(p *pair) { p.a.Buffers = pointers(nil, nil) }},
	"one buffer":     {packedBits, func(p *pair) { p.a.NBuffers = 1 }},
	"a child": {packedBits, func(p *pair) {
		p.a.NChildren, p.a.Children = 1, fixed().a.Children
	}},
	"too many bytes": {packedBits, func(p *pair) {
		p.s.Format, p.a.Length = cString("w:2147483647"), 1<<56
	}},
	"bytes that go back": {bytesOf, func(p *pair) {
		p.a.Buffers = pointers(nil, offsets32(0, 2, 1), unsafe.Pointer(cString("abc")))
	}},
	"bytes without offsets": {bytesOf, func(p *pair) {
		p.a.Buffers = pointers(nil, nil, unsafe.Pointer(cString("abc")))
	}},
}

// brokenMatrices are FixedSizeLists that cannot be.
var brokenMatrices = map[string]spoiled{
	"negative length":          {fixed, func(p *pair) { p.a.Length = -1 }},
	"negative offset":          {fixed, func(p *pair) { p.a.Offset = -1 }},
	"huge length":              {fixed, func(p *pair) { p.a.Length = huge }},
	"huge offset":              {fixed, func(p *pair) { p.a.Offset = huge }},
	"null count below -1":      {fixed, func(p *pair) { p.a.NullCount = -2 }},
	"null count above length":  {fixed, func(p *pair) { p.a.NullCount = 3 }},
	"nulls without bitmap":     {fixed, func(p *pair) { p.a.NullCount = 1 }},
	"negative buffers":         {fixed, func(p *pair) { p.a.NBuffers = -1 }},
	"huge number of buffers":   {fixed, func(p *pair) { p.a.NBuffers = huge }},
	"no buffers":               {fixed, func(p *pair) { p.a.NBuffers = 0 }},
	"missing buffers":          {fixed, func(p *pair) { p.a.Buffers = nil }},
	"negative children":        {fixed, func(p *pair) { p.a.NChildren = -1 }},
	"no child":                 {fixed, func(p *pair) { p.a.NChildren = 0 }},
	"two children":             {fixed, func(p *pair) { p.a.NChildren = 2 }},
	"missing children":         {fixed, func(p *pair) { p.a.Children = nil }},
	"missing child":            {fixed, func(p *pair) { *p.a.Children = nil }},
	"missing schema children":  {fixed, func(p *pair) { p.s.Children = nil }},
	"missing schema child":     {fixed, func(p *pair) { *p.s.Children = nil }},
	"short child":              {fixed, func(p *pair) { p.ca.Length = 5 }},
	"short child, offset":      {fixed, func(p *pair) { p.a.Offset = 1 }},
	"wide list":                {fixed, func(p *pair) { p.s.Format = cString("+w:4") }},
	"negative list":            {fixed, func(p *pair) { p.s.Format = cString("+w:-3") }},
	"empty list":               {fixed, func(p *pair) { p.s.Format = cString("+w:0") }},
	"list without size":        {fixed, func(p *pair) { p.s.Format = cString("+w:") }},
	"list of huge size":        {fixed, func(p *pair) { p.s.Format = cString("+w:99999999999") }},
	"child without values":     {fixed, func(p *pair) { p.ca.Buffers = pointers(nil, nil) }},
	"child of no buffers":      {fixed, func(p *pair) { p.ca.NBuffers = 0 }},
	"child of negative length": {fixed, func(p *pair) { p.ca.Length = -6 }},
	"child of text":            {fixed, func(p *pair) { p.cs.Format = cString("u") }},
	"child without format":     {fixed, func(p *pair) { p.cs.Format = nil }},
	"child dictionary":         {fixed, func(p *pair) { p.cs.Dictionary = &Schema{} }},
	"dictionary":               {fixed, func(p *pair) { p.s.Dictionary = &Schema{} }},
	"dictionary of the array":  {fixed, func(p *pair) { p.a.Dictionary = &Array{} }},
	"no format":                {fixed, func(p *pair) { p.s.Format = nil }},
	"unknown format":           {fixed, func(p *pair) { p.s.Format = cString("zzz") }},
	"endless format": {fixed, func(p *pair) {
		p.s.Format = unsafe.SliceData(append(make([]byte, 0), "+w:3333333333333333333333333333"+
			"3333333333333333333333333333333333333333333333333333333333"...))
	}},
}

// brokenOthers are lists and texts that cannot be, and types that hold no vectors.
var brokenOthers = map[string]spoiled{
	"struct":               {fixed, func(p *pair) { p.s.Format = cString("+s") }},
	"dates":                {fixed, func(p *pair) { p.s.Format = cString("tsu:") }},
	"list without offsets": {list, func(p *pair) { p.a.Buffers = pointers(nil, nil) }},
	"list of one buffer":   {list, func(p *pair) { p.a.NBuffers = 1 }},
	"text without offsets": {texts, func(p *pair) { p.a.Buffers = pointers(nil, nil, nil) }},
	"text without bytes": {texts, func(p *pair) {
		p.a.Buffers = pointers(nil, offsets32(0, 2, 3), nil)
	}},
	"text of shrinking offsets": {texts, func(p *pair) {
		p.a.Buffers = pointers(nil, offsets32(0, 3, 2), floats(2))
	}},
	"text of negative offsets": {texts, func(p *pair) {
		p.a.Buffers = pointers(nil, offsets32(-5, 2, 3), floats(2))
	}},
	"text of two buffers":     {texts, func(p *pair) { p.a.NBuffers = 2 }},
	"views of two buffers":    {viewTexts, func(p *pair) { p.a.NBuffers = 2 }},
	"views past their buffer": {viewTexts, func(p *pair) { p.a.views()[1].offset = 6 }},
	"views into no buffer":    {viewTexts, func(p *pair) { p.a.views()[1].buffer = 1 }},
	"views before a buffer":   {viewTexts, func(p *pair) { p.a.views()[1].offset = -1 }},
	"views of negative size":  {viewTexts, func(p *pair) { p.a.views()[0].size = -1 }},
}

func TestStructsThatContradictThemselvesAreNamedErrors(t *testing.T) {
	for _, cases := range []map[string]spoiled{brokenMatrices, brokenBits, brokenOthers} {
		for name, c := range cases {
			p := c.make()
			c.spoil(&p)
			require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(Check(p.s, p.a)), name)
		}
	}
}

func FuzzNoStructsOfHonestMemoryMakeCheckFail(f *testing.F) {
	f.Add("+w:3", "f", int64(2), int64(0), int64(6), int64(0), int64(1), int64(2))
	f.Add("+l", "g", int64(1), int64(1), int64(-1), int64(3), int64(2), int64(0))
	f.Add("u", "", int64(-1), int64(1<<62), int64(1<<62), int64(1), int64(3), int64(3))
	f.Fuzz(func(t *testing.T, format, child string,
		length, offset, childLength, nulls, buffers, childBuffers int64,
	) {
		const room = 4 // rows that every buffer has; what is longer must not be read
		p := fixed()
		p.s.Format, p.cs.Format = cString(format), cString(child)
		p.a.Length, p.a.Offset, p.a.NullCount = length, offset, nulls
		p.ca.Length = childLength
		p.a.NBuffers, p.ca.NBuffers = min(buffers, 4), min(childBuffers, 4)
		p.a.Buffers = pointers(floats(64), floats(64), floats(64), floats(64))
		p.ca.Buffers = pointers(floats(64), floats(64), floats(64), floats(64))
		text := slices.Contains([]string{"u", "U", "vu", "z", "Z"}, format)
		if text && length+offset > room {
			return // the buffers would have to be as long as they say
		}
		if err := Check(p.s, p.a); err != nil {
			require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err))
		}
	})
}

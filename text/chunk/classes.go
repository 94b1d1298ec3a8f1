package chunk

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// class says what a character is where texts are cut.
type class uint32

const (
	space    class = 1 << iota // White_Space
	lower                      // a lower-case letter
	letter                     // category L or N
	stop                       // ends a sentence, with nothing after it (Sentence_Terminal)
	closer                     // brackets and quotes that close
	quote                      // quotes that may close
	comma                      // between parts of a sentence in scripts without spaces
	extend                     // belongs to what stands before it: marks, joiners, modifiers
	prepend                    // belongs to what comes after it
	control                    // stands alone
	regional                   // one half of a flag
	symbol                     // emoji may be joined to it
	linker                     // joins the consonants around it (Indic_Conjunct_Break)
	leading                    // Hangul L
	vowel                      // Hangul V
	trailing                   // Hangul T
)

// pages hold the classes of 256 characters each, found when one of them is met first.
var pages [unicode.MaxRune>>8 + 1]atomic.Pointer[[256]class]

func classOf(r rune) class {
	page := pages[r>>8].Load()
	if page == nil {
		page = &[256]class{}
		for i := range page {
			page[i] = findClass(r&^0xFF | rune(i))
		}
		pages[r>>8].Store(page)
	}
	return page[r&0xFF]
}

// at returns the character at a place, its bytes and its class.
func at(text string, i int) (r rune, size int, c class) {
	if text[i] < utf8.RuneSelf {
		return rune(text[i]), 1, ascii[text[i]]
	}
	r, size = utf8.DecodeRuneInString(text[i:])
	return r, size, classOf(r)
}

// ascii has the classes of ASCII.
var ascii = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = findClass(rune(r))
	}
	return table
}()

// before is at, of the character that ends at a place.
func before(text string, i int) (r rune, size int, c class) {
	if text[i-1] < utf8.RuneSelf {
		return rune(text[i-1]), 1, ascii[text[i-1]]
	}
	r, size = utf8.DecodeLastRuneInString(text[:i])
	return r, size, classOf(r)
}

func findClass(r rune) class {
	var c class
	for _, group := range classTables {
		if unicode.In(r, group.tables...) {
			c |= group.class
		}
	}
	for _, group := range classLists {
		for _, one := range group.list {
			if one == r {
				c |= group.class
			}
		}
	}
	if c&regional != 0 {
		c &^= symbol // a joiner joins no flags
	}
	if c&extend != 0 || r == 0x200D {
		c = c&linker | extend
	}
	return c | hangul(r)
}

// classTables are properties of Unicode in the tables of unicode.Version. Symbols hold more than
// Extended_Pictographic, of which there is no table: what is too much is kept together.
var classTables = []struct {
	class  class
	tables []*unicode.RangeTable
}{
	{space, []*unicode.RangeTable{unicode.White_Space}},
	{lower, []*unicode.RangeTable{unicode.Ll}},
	{letter, []*unicode.RangeTable{unicode.L, unicode.N}},
	{stop, []*unicode.RangeTable{unicode.Sentence_Terminal}},
	{closer, []*unicode.RangeTable{unicode.Pe, unicode.Pf}},
	{quote, []*unicode.RangeTable{unicode.Pi}},
	{extend, []*unicode.RangeTable{unicode.M, unicode.Other_Grapheme_Extend, emojiModifiers}},
	{prepend, []*unicode.RangeTable{unicode.Prepended_Concatenation_Mark, otherPrepend}},
	{control, []*unicode.RangeTable{unicode.Cc, unicode.Zl, unicode.Zp}},
	{regional, []*unicode.RangeTable{unicode.Regional_Indicator}},
	{symbol, []*unicode.RangeTable{unicode.So, unicode.Sm, unassignedEmoji}},
}

var classLists = []struct {
	class class
	list  []rune
}{
	{symbol, []rune{0xA9, 0xAE, 0x203C, 0x2049, 0x3030, 0x303D}},
	{quote, []rune{'"', '\''}},
	{extend, []rune{0xE33, 0xEB3}}, // Grapheme_Cluster_Break=SpacingMark, though letters
	{comma, []rune("、，；：﹐﹑､")},
	// Characters of Indic_Conjunct_Break=Linker, Unicode 17.
	{linker, []rune{0x94D, 0x9CD, 0xACD, 0xB4D, 0xC4D, 0xD4D, 0x1039, 0x17D2, 0x1A60, 0x1B44,
		0x1BAB, 0xA9C0, 0xAAF6, 0x10A3F, 0x11133, 0x113D0, 0x1193E, 0x11A47, 0x11A99, 0x11F42}},
}

// emojiModifiers are Emoji_Modifier, and the tags that spell flags of regions.
var emojiModifiers = &unicode.RangeTable{R32: []unicode.Range32{
	{Lo: 0x1F3FB, Hi: 0x1F3FF, Stride: 1}, {Lo: 0xE0000, Hi: 0xE0FFF, Stride: 1}}}

// unassignedEmoji are the planes that Extended_Pictographic keeps for emoji to come.
var unassignedEmoji = &unicode.RangeTable{R32: []unicode.Range32{
	{Lo: 0x1F000, Hi: 0x1F1E5, Stride: 1}, {Lo: 0x1F200, Hi: 0x1F3FA, Stride: 1},
	{Lo: 0x1F400, Hi: 0x1FAFF, Stride: 1}, {Lo: 0x1FC00, Hi: 0x1FFFD, Stride: 1}}}

// otherPrepend are letters of Grapheme_Cluster_Break=Prepend.
var otherPrepend = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0xD4E, Hi: 0xD4E, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x111C2, Hi: 0x111C3, Stride: 1},
		{Lo: 0x113D1, Hi: 0x113D1, Stride: 1}, {Lo: 0x1193F, Hi: 0x1193F, Stride: 1},
		{Lo: 0x11941, Hi: 0x11941, Stride: 1}, {Lo: 0x11A3A, Hi: 0x11A3A, Stride: 1},
		{Lo: 0x11A84, Hi: 0x11A89, Stride: 1}, {Lo: 0x11D46, Hi: 0x11D46, Stride: 1},
		{Lo: 0x11F02, Hi: 0x11F02, Stride: 1}}}

// hangul returns the parts of syllables that a character is, or begins and ends with.
func hangul(r rune) class {
	switch {
	case r >= 0x1100 && r <= 0x115F, r >= 0xA960 && r <= 0xA97C:
		return leading
	case r >= 0x1160 && r <= 0x11A7, r >= 0xD7B0 && r <= 0xD7C6:
		return vowel
	case r >= 0x11A8 && r <= 0x11FF, r >= 0xD7CB && r <= 0xD7FB:
		return trailing
	case r >= 0xAC00 && r <= 0xD7A3 && (r-0xAC00)%28 == 0:
		return leading | vowel // LV: an L may come before it, what follows a V after it
	case r >= 0xAC00 && r <= 0xD7A3:
		return leading | trailing // LVT
	}
	return 0
}

// afterSpaces passes white space.
func afterSpaces(text string, start, end int) int {
	for start < end {
		_, n, c := at(text, start)
		if c&space == 0 {
			break
		}
		start += n
	}
	return start
}

// trimmed takes white space off both ends of a stretch.
func trimmed(text string, start, end int) (from, to int) {
	start = afterSpaces(text, start, end)
	for end > start {
		_, n, c := before(text, end)
		if c&space == 0 {
			break
		}
		end -= n
	}
	return start, end
}

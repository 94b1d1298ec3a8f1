package chunk

import "unicode/utf8"

// longestGrapheme is the most code points that are kept together: marks without end are no letter.
// The stream-safe text format of UAX #15 allows 30 marks.
const longestGrapheme = 32

// graphemeEnd returns the end of the grapheme cluster at a place: what a reader sees as one
// character, such as a letter with its marks, an emoji sequence or a Hangul syllable.
//
// Source: the extended grapheme clusters of UAX #29, kept together a little longer than there:
// where a joiner stands between symbols, and an Indic linker before any letter. More than 32 code
// points are cut.
func graphemeEnd(text string, start, end int) int {
	if text[start] < utf8.RuneSelf && (start+1 >= end || text[start+1] < utf8.RuneSelf) {
		if text[start] == '\r' && start+1 < end && text[start+1] == '\n' {
			return start + 2
		}
		return start + 1
	}
	r, n, c := at(text, start)
	if c&control != 0 {
		return start + n
	}
	g := cluster{last: c, base: c, flag: c&regional != 0, joined: r == joiner}
	i := start + n
	for range longestGrapheme - 1 {
		if i >= end {
			break
		}
		r, n, c = at(text, i)
		if !g.takes(r, c) {
			break
		}
		i += n
	}
	return i
}

const joiner = 0x200D

// cluster is what is known of the cluster so far.
type cluster struct {
	last, base class // of the last character, and of the last that is no mark
	flag       bool  // a regional indicator waits for its other half
	joined     bool  // the last is a joiner
	linked     bool  // a linker stands after the base
}

// takes adds a character to the cluster and reports whether it belongs to it.
func (g *cluster) takes(r rune, c class) bool {
	switch {
	case c&control != 0:
		return false
	case c&extend != 0:
		g.linked = g.linked || c&linker != 0
		g.joined, g.last, g.flag = r == joiner, c, false
		return true
	case g.last&prepend != 0, g.joined && g.base&c&symbol != 0, g.linked && c&letter != 0,
		g.flag && c&regional != 0, g.syllable(c):
		g.flag = g.last&prepend != 0 && c&regional != 0
		g.last, g.base, g.joined, g.linked = c, c, false, false
		return true
	}
	return false
}

// syllable tells whether a part of Hangul continues the last one.
func (g *cluster) syllable(c class) bool {
	switch {
	case g.last&leading != 0 && g.last&(vowel|trailing) == 0: // L
		return c&(leading|vowel) != 0
	case g.last&vowel != 0: // V, LV
		return c&(vowel|trailing) != 0 && c&leading == 0
	case g.last&trailing != 0: // T, LVT
		return c&trailing != 0 && c&leading == 0
	}
	return false
}

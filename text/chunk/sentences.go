package chunk

import (
	"strings"
	"unicode/utf8"
)

// sentenceEnd returns where the sentence at a place ends, the closing brackets and quotes after its
// full stop included. White space may stand before and after.
//
// Source: the sentence boundaries of UAX #29 with its Sentence_Terminal, to which these are added:
// a stop of ASCII needs white space after it; a full stop ends nothing after an initial, an
// abbreviation, or the number of a list item, nor before a comma or a lower-case letter. An
// ellipsis is a full stop. Line ends are white space.
func sentenceEnd(text string, start, end int) int {
	first := start
	for i := start; i < end; {
		c := text[i]
		if !mayEnd[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			after, ends := asciiStop(text, first, i, end)
			if ends {
				return after
			}
			i = after
			continue
		}
		r, n, class := at(text, i)
		i += n
		switch {
		case r == '…':
			if after, ends := asciiStop(text, first, i-n, end); ends {
				return after
			}
		case r == '．' && isLetter(text, i, end): // 3．14
		case class&stop != 0:
			return wideStop(text, i, end)
		}
	}
	return end
}

// mayEnd has the first bytes of what may end a sentence.
var mayEnd = func() (table [256]bool) {
	for c := utf8.RuneSelf; c < len(table); c++ {
		table[c] = c >= 0xC0
	}
	for _, c := range []byte(".!?") {
		table[c] = true
	}
	return table
}()

// asciiStop looks at a run of stops and what follows; it returns where to go on, and whether the
// sentence ends there.
func asciiStop(text string, first, at, end int) (after int, ends bool) {
	i, dots := stops(text, at, end)
	stopped := i
	i = closers(text, i, end)
	if i >= end {
		return end, true
	}
	next, wide := afterSpace(text, i, end)
	switch {
	case next == i: // no white space: 3.14, example.org, a..b
		return i, false
	case next >= end:
		return end, true
	case wide&lower != 0 && (dots || i > stopped), text[next] == ',' || text[next] == ';':
		return next, false
	case dots && stopped == at+1 && isShort(text, first, at):
		return next, false
	}
	return i, true
}

// stops passes a run of stops and tells whether it has none but full stops.
func stops(text string, i, end int) (after int, dots bool) {
	dots = true
	for i < end {
		switch c := text[i]; {
		case c == '.':
			i++
		case c == '!' || c == '?':
			dots = false
			i++
		case c == 0xE2 && strings.HasPrefix(text[i:end], "…"):
			i += len("…")
		default:
			return i, dots
		}
	}
	return i, dots
}

// closers passes brackets and quotes.
func closers(text string, i, end int) int {
	for i < end {
		_, n, c := at(text, i)
		if c&(closer|quote) == 0 {
			break
		}
		i += n
	}
	return i
}

// afterSpace passes white space and returns what class of character follows it, opening brackets
// and quotes aside.
func afterSpace(text string, i, end int) (next int, c class) {
	next = afterSpaces(text, i, end)
	for k := next; k < end && k < next+8; {
		_, n, seen := at(text, k)
		if seen&letter != 0 {
			return next, seen
		}
		k += n
	}
	return next, 0
}

// wideStop passes what belongs to a stop that needs no white space after it.
func wideStop(text string, i, end int) int {
	for i < end {
		r, n, c := at(text, i)
		if c&(stop|closer|extend) == 0 && r != '…' {
			break
		}
		i += n
	}
	return i
}

func isLetter(text string, i, end int) bool {
	if i >= end {
		return false
	}
	_, _, c := at(text, i)
	return c&letter != 0
}

// isShort tells whether the full stop at a place belongs to what stands before it: an initial, an
// abbreviation, the number of an item that begins the sentence.
func isShort(text string, first, stopAt int) bool {
	start, letters := stopAt, 0
	for start > first && letters <= longestShort {
		_, n, c := before(text, start)
		if c&space != 0 || text[start-n] == '(' || text[start-n] == '[' {
			break
		}
		start -= n
		letters++
	}
	word := text[start:stopAt]
	switch {
	case word == "" || letters > longestShort:
		return false
	case letters == 1:
		_, _, c := at(word, 0)
		return c&letter != 0
	case strings.Trim(word, "0123456789") == "":
		return start == first
	}
	if i := strings.IndexByte(word, '.'); i >= 0 {
		return i <= 2 && len(word)-strings.LastIndexByte(word, '.') <= 3 // e.g., U.S., Ph.D.
	}
	return abbreviations[strings.ToLower(word)]
}

// longestShort is the most letters of an abbreviation.
const longestShort = 6

// abbreviations are words whose full stop rarely ends a sentence: titles, references, months, in
// English, German, French, Spanish, Italian, Portuguese and Dutch. A word that is left out costs a
// boundary too many, one too many a boundary.
var abbreviations = func() map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(`
		mr mrs ms dr prof rev hon gen col capt lt sgt maj sen rep gov pres supt det insp messrs mmes
		st ave blvd rd mt ft jr sr esq
		fig figs eq eqs sec secs ch chap vol vols no nos nr pp ed eds par para art ref refs tab app
		cf viz vs ca approx resp incl excl est al etc ibid op
		jan feb apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur fri
		inc corp ltd co bros dept univ assn
		bzw usw evtl ggf vgl abs hrsg jh jhd mio mrd str zzgl inkl exkl sog tel
		mme mlle mgr env av bd
		sr sra srta ud uds dra pág págs núm art
		sig sigg dott ing avv pag
		dhr mevr blz bijv enz nl`) {
		all[word] = true
	}
	return all
}()

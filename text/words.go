package text

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// WordsVersion names what Words does with a text. It changes whenever some text would be cut into
// other terms, so that what was made of terms can be told to be old.
const WordsVersion = 1

// MaxTerm is the most characters of a term; what is longer is cut into terms of so many.
const MaxTerm = 255

// window is how many bytes of a text are brought into normal form at a time.
const window = 32 << 10

// Words cuts texts into terms. A term is a run of letters, marks and digits (Unicode categories L,
// M and N) that does not begin with a mark, in normal form NFKC and in lower case (the simple
// mapping, one character for one). In scripts that put no spaces between words (Han, the kana,
// Thai, Lao, Khmer, Myanmar and their like) a term is one character with its marks. A soft hyphen
// and the joiners are as if they were not there; everything else, bytes that are not UTF-8
// included, lies between terms. No word is left out and none is cut to its stem.
//
// The zero value is ready; Reset gives it a text, Next finds the terms. It keeps its memory from
// text to text: one in normal form allocates nothing once that is large enough, others little for
// each 32 KiB. Not for more than one goroutine at a time.
//
// Source: UAX #15 (normal forms) and #24 (scripts), with the tables of unicode.Version.
type Words struct {
	rest   string // what was not brought into normal form yet
	part   []byte // what was
	at     int    // in part
	term   []byte
	length int // characters of term
}

// Reset begins with another text, whose memory must not change before the last Next.
func (w *Words) Reset(text string) {
	w.rest, w.part, w.at = text, w.part[:0], 0
}

// Next finds the next term and reports whether there was one.
func (w *Words) Next() bool {
	w.term, w.length = w.term[:0], 0
	for w.at < len(w.part) || w.fill() {
		switch c := w.part[w.at]; {
		case c >= utf8.RuneSelf:
			if w.wide() {
				return true
			}
		case asciiTerm[c] == 0:
			w.at++
			if w.length > 0 {
				return true
			}
		case w.length == MaxTerm:
			return true
		default:
			w.narrow()
		}
	}
	return w.length > 0
}

// Term is the term found by Next, in UTF-8, until the next call.
func (w *Words) Term() []byte { return w.term }

// asciiTerm has the lower case of ASCII's letters and digits, 0 for all other bytes.
var asciiTerm = func() (table [256]byte) {
	for r := range rune(utf8.RuneSelf) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			table[r] = byte(unicode.ToLower(r))
		}
	}
	return table
}()

// narrow reads letters and digits of ASCII.
func (w *Words) narrow() {
	part := w.part[w.at:min(len(w.part), w.at+MaxTerm-w.length)]
	n := 0
	for ; n < len(part); n++ {
		lower := asciiTerm[part[n]]
		if lower == 0 {
			break
		}
		part[n] = lower
	}
	w.term = append(w.term, part[:n]...)
	w.length += n
	w.at += n
}

// wide reads one character that is not ASCII and reports whether the term ends before it.
func (w *Words) wide() bool {
	r, size := utf8.DecodeRune(w.part[w.at:])
	kind := kindOf(r)
	switch {
	case kind == joiner, kind == mark && w.length == 0: // such as the variant of an emoji
		w.at += size
		return false
	case kind == between:
		w.at += size
		return w.length > 0
	case kind == unspaced && w.length == 0:
		w.add(r, size)
		w.marks()
		return true
	case kind == unspaced, w.length == MaxTerm:
		return true
	}
	w.add(r, size)
	return false
}

func (w *Words) add(r rune, size int) {
	w.at += size
	w.term = utf8.AppendRune(w.term, unicode.ToLower(r))
	w.length++
}

// marks adds the marks that follow a character which is a term of its own.
func (w *Words) marks() {
	for w.length < MaxTerm && (w.at < len(w.part) || w.fill()) {
		r, size := utf8.DecodeRune(w.part[w.at:])
		switch kindOf(r) {
		case mark:
			w.add(r, size)
		case joiner:
			w.at += size
		default:
			return
		}
	}
}

// kind is what a character is to a term.
type kind uint8

const (
	between  kind = iota // ends a term
	spaced               // a letter or digit of a script with spaces
	unspaced             // a letter of one without, a term by itself
	mark                 // belongs to what stands before it
	joiner               // is as if it were not there
)

// pages hold the kinds of 256 characters each, found when one of them is met first.
var pages [unicode.MaxRune>>8 + 1]atomic.Pointer[[256]kind]

func kindOf(r rune) kind {
	page := pages[r>>8].Load()
	if page == nil {
		page = &[256]kind{}
		for i := range page {
			page[i] = findKind(r&^0xFF | rune(i))
		}
		pages[r>>8].Store(page)
	}
	return page[r&0xFF]
}

func findKind(r rune) kind {
	switch {
	case r == 0xAD, r == 0x200C, r == 0x200D, r == 0x2060: // soft hyphen, joiners
		return joiner
	case unicode.IsMark(r):
		return mark
	case !unicode.IsLetter(r) && !unicode.IsNumber(r):
		return between
	case unicode.In(r, withoutSpaces...):
		return unspaced
	}
	return spaced
}

// withoutSpaces are the scripts that put no spaces between words.
var withoutSpaces = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Javanese, unicode.Balinese,
	unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
}

// fill brings the next part of the text into normal form and reports whether there was any.
func (w *Words) fill() bool {
	w.at, w.part = 0, w.part[:0]
	for len(w.part) == 0 {
		if w.rest == "" {
			return false
		}
		end := cut(w.rest)
		w.part = norm.NFKC.AppendString(w.part, w.rest[:end])
		w.rest = w.rest[end:]
	}
	return true
}

// cut returns where a text can be cut after about a window of bytes, so that its parts have the
// normal form that they have together.
func cut(text string) int {
	const longest = 2 * window // what is still no boundary then is marks without end
	for at := window; at < min(len(text), longest); at++ {
		if !utf8.RuneStart(text[at]) {
			continue
		}
		next := norm.NFKC.PropertiesString(text[at:])
		if next.Size() == 0 { // not UTF-8: nothing is composed over it
			return at + 1
		}
		if next.BoundaryBefore() {
			return at
		}
	}
	return min(len(text), longest)
}

package chunk

import (
	"context"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"github.com/ruvector/ruvector-arrow/fault"
)

// level is how much a boundary weighs.
type level uint8

const (
	inWord     level = iota // between graphemes
	atWord                  // after white space, or after a comma of CJK's
	atLine                  // at a line end inside of a sentence
	atSentence              // between sentences; lines of code
	atItem                  // list items, rows, parts of code
	atBlock                 // paragraphs
)

// stage is into what a text was cut to make an atom.
type stage uint8

const (
	whole  stage = iota // a sentence, a line of code
	block               // a paragraph that nobody looked for sentences in yet
	line                // a line of one of the above
	words               // a word
	shards              // some graphemes of a word
	final               // one grapheme, which stays
)

// atom is the smallest part of a text that is not cut any further. from and to are the places of
// its ends on the scale of the budget.
type atom struct {
	start, end int // without white space around it
	from, to   int
	tokens     int
	counted    int   // by the caller
	before     level // the boundary at its start
	stage      stage
	title      bool
}

// section is the atoms from first on that one heading owns.
type section struct {
	first, heading int
}

// title is a heading of one text.
type title struct {
	start, end, level, parent int
}

// place is a stretch of bytes.
type place struct{ start, end int }

// piece is a chunk being made: the atoms [first, last), of which those from own on are not
// repeated from the chunk before. left is where it began before it was cut by the middle.
type piece struct {
	start, end  int
	own         int // byte at which what is not repeated begins
	first, last int // atoms
	heading     int
	tokens      int
}

// doc is one text on its way.
type doc struct {
	text    string
	row     int
	marks   []Mark
	options *Options
	ctx     context.Context // of the call that is running
	ascii   bool

	atoms    []atom
	sections []section
	headings []title
	above    []int    // numbers of the headings above the place that is read
	styles   []string // adornments of titles, the highest first
	pieces   []piece

	wanted   []place // to be counted
	askedFor []int   // atoms, or pieces once packed
	told     []int64
	packed   bool
	looks    int // at the context
}

// open checks the text and makes its marks places of bytes.
func (d *doc) open() error {
	if at := invalidAt(d.text); at >= 0 {
		return fault.At(fault.InvalidArgument, "chunk", int64(d.row), -1,
			fmt.Sprintf("text %d is not UTF-8 at byte %d (character %d)", d.row, at,
				utf8.RuneCountInString(d.text[:at])), "decode it, for example with errors='replace'")
	}
	all := characters(d.text)
	d.ascii = all == len(d.text)
	if n := len(d.marks); n > 0 && d.marks[n-1].End > all {
		return fault.At(fault.InvalidArgument, "chunk", int64(d.row), -1,
			fmt.Sprintf("a heading of text %d ends at character %d of %d", d.row,
				d.marks[n-1].End, all), "")
	}
	if d.ascii {
		return nil
	}
	at, bytes := 0, 0
	forward := func(to int) int {
		for ; at < to; at++ {
			bytes += size(d.text, bytes)
		}
		return bytes
	}
	for i := range d.marks {
		d.marks[i].Start = forward(d.marks[i].Start)
		d.marks[i].End = forward(d.marks[i].End)
	}
	return nil
}

// size is how many bytes the character at a place has.
func size(text string, at int) int {
	if text[at] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(text[at:])
	return n
}

// invalidAt returns the first byte that is not UTF-8, -1 where there is none.
func invalidAt(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// counter counts the characters before places that are asked for in order.
type counter struct {
	text       string
	ascii      bool
	at, before int // the last place, and the characters before it
}

func (d *doc) counter() counter { return counter{text: d.text, ascii: d.ascii} }

func (c *counter) to(at int) int {
	if at >= c.at {
		c.before += characters(c.text[c.at:at])
	} else { // what overlaps
		c.before -= characters(c.text[at:c.at])
	}
	c.at = at
	return c.before
}

func (c *counter) span(row, start, end int) Span {
	s := Span{Text: row, Start: start, End: end, From: start, To: end}
	if !c.ascii {
		s.From, s.To = c.to(start), c.to(end)
	}
	return s
}

// characters counts the code points of a text that is UTF-8: the bytes that continue none, eight
// at a time.
func characters(text string) int {
	n := len(text)
	for len(text) >= 8 {
		x := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
		n -= bits.OnesCount64(x >> 7 & (^x >> 6) & 0x0101010101010101)
		text = text[8:]
	}
	for i := range len(text) {
		if !utf8.RuneStart(text[i]) {
			n--
		}
	}
	return n
}

// bytesPerAtom is about how long a paragraph is; a wrong guess costs moving atoms.
const bytesPerAtom = 160

// parse cuts the text into sections and atoms.
func (d *doc) parse() {
	d.atoms = make([]atom, 0, len(d.text)/bytesPerAtom+8)
	d.section(-1)
	at := 0
	for _, m := range d.marks {
		d.blocks(at, m.Start)
		at = m.Start
		if m.Level == 0 {
			d.boundary()
			continue
		}
		at = m.End
		d.heading(m.Level, m.Start, m.End, m.Start, m.End)
	}
	d.blocks(at, len(d.text))
}

// blocks reads a stretch of text in the way of its kind.
func (d *doc) blocks(start, end int) {
	if start >= end {
		return
	}
	lines := d.lines(start, end)
	switch d.options.Kind {
	case Markdown:
		d.markdown(&lines)
	case RST, Docstring:
		(&rst{doc: d, indented: d.options.Kind == Docstring}).read(&lines)
	case Code:
		d.code(&lines)
	default:
		d.plain(&lines)
	}
}

func (d *doc) section(heading int) {
	d.sections = append(d.sections, section{first: len(d.atoms), heading: heading})
}

// boundary begins a section under the same heading.
func (d *doc) boundary() {
	d.section(d.sections[len(d.sections)-1].heading)
}

// heading begins the section of a title that stands at [start, end); the title's own letters are
// [from, to).
func (d *doc) heading(level, from, to, start, end int) {
	from, to = trimmed(d.text, from, to)
	for n := len(d.above); n > 0 && d.headings[d.above[n-1]].level >= level; n = len(d.above) {
		d.above = d.above[:n-1]
	}
	parent := -1
	if n := len(d.above); n > 0 {
		parent = d.above[n-1]
	}
	number := len(d.headings)
	d.headings = append(d.headings, title{start: from, end: to, level: level, parent: parent})
	d.above = append(d.above, number)
	last := &d.sections[len(d.sections)-1]
	if parent >= 0 && last.heading == parent && d.onlyTitles(last.first) {
		last.heading = number
	} else {
		d.section(number)
	}
	n := len(d.atoms)
	d.prose(start, end, atBlock)
	for i := n; i < len(d.atoms); i++ {
		d.atoms[i].title = true
	}
}

// onlyTitles tells whether a section that began at an atom has no text but titles, of which there
// is one.
func (d *doc) onlyTitles(first int) bool {
	return first < len(d.atoms) && d.atoms[len(d.atoms)-1].title
}

// atom adds a part of the text if anything but white space is in it.
func (d *doc) atom(start, end int, before level) bool {
	if start, end = trimmed(d.text, start, end); start == end {
		return false
	}
	d.atoms = append(d.atoms, atom{start: start, end: end, before: before})
	return true
}

// looksAfter is how many parts are read between looks at the context.
const looksAfter = 1024

// stopped tells, once in a while, that the call was cancelled. What is made after that is dropped.
func (d *doc) stopped() bool {
	d.looks++
	return d.looks%looksAfter == 0 && d.ctx.Err() != nil
}

// prose adds a paragraph. What repeats its end needs its sentences; else most stay whole.
func (d *doc) prose(start, end int, before level) {
	if d.options.Overlap > 0 {
		start, end = trimmed(d.text, start, end)
		d.atoms = d.sentences(d.atoms, start, end, before)
	} else if d.atom(start, end, before) {
		d.atoms[len(d.atoms)-1].stage = block
	}
}

// sentences adds those of a stretch without white space around it.
func (d *doc) sentences(made []atom, start, end int, first level) []atom {
	for start < end && !d.stopped() {
		next := sentenceEnd(d.text, start, end)
		made = append(made, atom{start: start, end: next, before: first})
		start, first = afterSpaces(d.text, next, end), atSentence
	}
	return made
}

// rows adds lines that stay as they are: code, tables.
func (d *doc) rows(start, end int, before level) {
	lines := d.lines(start, end)
	next := before
	for lines.next() {
		if lines.blank() {
			next = max(next, atItem)
			continue
		}
		d.atom(lines.start, lines.end, next)
		next = atSentence
	}
}

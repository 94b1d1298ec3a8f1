package chunk

import (
	"strings"
)

// lines reads a stretch of text line by line. A line ends at LF, CR, CRLF, VT, FF, NEL, U+2028 or
// U+2029 (UAX #14, classes BK, CR, LF and NL).
type lines struct {
	doc        *doc
	text       string
	at, stop   int
	start, end int  // of the line, without what ends it
	content    int  // its first character that is no space, or end
	simple     bool // nothing but LF ends lines here
}

func (d *doc) lines(start, stop int) lines {
	part := d.text[start:stop]
	simple := strings.IndexByte(part, '\r') < 0 && strings.IndexByte(part, '\f') < 0 &&
		strings.IndexByte(part, '\v') < 0 && !strings.Contains(part, "\u2028") &&
		!strings.Contains(part, "\u2029") && !strings.Contains(part, "\u0085")
	return lines{doc: d, text: d.text, at: start, stop: stop, simple: simple}
}

// next goes to the next line and reports whether there is one.
func (l *lines) next() bool {
	if l.at >= l.stop || l.doc.stopped() {
		return false
	}
	l.start = l.at
	if l.simple {
		if n := strings.IndexByte(l.text[l.at:l.stop], '\n'); n >= 0 {
			l.end, l.at = l.at+n, l.at+n+1
		} else {
			l.end, l.at = l.stop, l.stop
		}
	} else {
		l.end, l.at = lineEnd(l.text, l.at, l.stop)
	}
	l.content = l.start
	for l.content < l.end && (l.text[l.content] == ' ' || l.text[l.content] == '\t') {
		l.content++
	}
	return true
}

// lineEnd returns where the line of a place ends, and where the next one begins.
func lineEnd(text string, at, stop int) (end, next int) {
	for ; at < stop; at++ {
		if n := breakAt(text, at, stop); n > 0 {
			return at, at + n
		}
	}
	return stop, stop
}

// breakAt returns how many bytes of a line's end are at a place, 0 where no line ends.
func breakAt(text string, at, stop int) int {
	switch c := text[at]; {
	case c == '\r':
		if at+1 < stop && text[at+1] == '\n' {
			return 2
		}
		return 1
	case c >= '\n' && c <= '\f':
		return 1
	case c == 0xC2 && at+1 < stop && text[at+1] == 0x85:
		return 2
	case c == 0xE2 && at+2 < stop && text[at+1] == 0x80 && text[at+2]|1 == 0xA9:
		return 3
	}
	return 0
}

// blank tells whether the line has nothing but white space.
func (l *lines) blank() bool {
	if l.content == l.end {
		return true
	}
	if c := l.text[l.content]; c > ' ' && c < 0x80 {
		return false
	}
	start, end := trimmed(l.text, l.content, l.end)
	return start == end
}

// indent is the columns before the line's content; a tab goes to the next multiple of four.
func (l *lines) indent() int {
	n := 0
	for _, c := range []byte(l.text[l.start:l.content]) {
		if c == '\t' {
			n += 4 - n%4
		} else {
			n++
		}
	}
	return n
}

// rest is the line from its first character on, without white space at its end.
func (l *lines) rest() string {
	_, end := trimmed(l.text, l.content, l.end)
	return l.text[l.content:max(l.content, end)]
}

// peek returns the next line and leaves this one where it is.
func (l *lines) peek() (lines, bool) {
	ahead := *l
	ok := ahead.next()
	return ahead, ok
}

// isItem tells whether a line begins an item of a list: a bullet, or a number of at most nine
// digits with a stop or bracket, and then a space.
func isItem(line string) bool {
	n := 0
	for n < len(line) && n < 9 && line[n] >= '0' && line[n] <= '9' {
		n++
	}
	switch {
	case line == "":
		return false
	case n > 0:
		if n == len(line) || line[n] != '.' && line[n] != ')' {
			return false
		}
		n++
	case line[0] == '-' || line[0] == '*' || line[0] == '+':
		n = 1
	case strings.HasPrefix(line, "\u2022") || strings.HasPrefix(line, "\u2023") ||
		strings.HasPrefix(line, "\u25e6") || strings.HasPrefix(line, "\u2043"):
		n = 3
	default:
		return false
	}
	return n == len(line) || line[n] == ' ' || line[n] == '\t'
}

// paragraphs collects lines into blocks of prose.
type paragraphs struct {
	doc    *doc
	start  int // of the block that is open, -1 for none
	end    int
	before level
	after  level // of the next block
}

func (d *doc) paragraphs() paragraphs { return paragraphs{doc: d, start: -1, after: atBlock} }

// add takes a line into the open block, or opens one.
func (p *paragraphs) add(l *lines) {
	if p.start < 0 {
		p.start, p.before = l.start, p.after
	}
	p.end = l.at
}

// close ends the open block; the next one begins with a boundary of a level.
func (p *paragraphs) close(next level) {
	if p.start >= 0 {
		p.doc.prose(p.start, p.end, p.before)
		p.start, p.after = -1, next
		return
	}
	p.after = max(p.after, next)
}

// plain reads text of no markup.
func (d *doc) plain(l *lines) {
	p := d.paragraphs()
	for l.next() {
		if l.blank() {
			p.close(atBlock)
			continue
		}
		if l.text[l.start:l.content] != "" || l.content < l.end && mayBeItem[l.text[l.content]] {
			if isItem(l.rest()) {
				p.close(atItem)
			}
		}
		p.add(l)
	}
	p.close(atBlock)
}

// mayBeItem has the bytes that an item of a list may begin with.
var mayBeItem = func() (table [256]bool) {
	for _, c := range []byte("-*+0123456789\xe2") {
		table[c] = true
	}
	return table
}()

// code reads lines of a program.
func (d *doc) code(l *lines) {
	before := atBlock
	for l.next() {
		if l.blank() {
			before = max(before, atItem)
			continue
		}
		if before == atItem && l.indent() == 0 {
			before = atBlock
		}
		d.atom(l.start, l.end, before)
		before = atSentence
	}
}

package chunk

import (
	"strings"
	"unicode/utf8"
)

// rst reads reStructuredText: titles that are underlined, or lined on both sides, whose levels are
// found by the order of their adornments; blocks that are indented under "::" or a directive, grid
// and simple tables, doctests, lists.
//
// Source: the reStructuredText specification of docutils, sections "Sections", "Literal Blocks",
// "Tables"; of indented texts the conventions of numpydoc and of Google's style.
type rst struct {
	doc      *doc
	indented bool // titles may be indented, and Google's sections count
	paragraphs
	literal int // columns of the line that announced a literal block, -1 for none
}

func (r *rst) read(l *lines) {
	r.paragraphs, r.literal = r.doc.paragraphs(), -1
	for l.next() {
		switch {
		case l.blank():
			r.close(atBlock)
		case r.literal >= 0 && l.indent() > r.literal:
			r.block(l, r.literal)
		case r.title(l), r.google(l), r.rows(l):
		default:
			r.line(l)
		}
	}
	r.close(atBlock)
}

// line adds a line to a paragraph, or begins one.
func (r *rst) line(l *lines) {
	line := l.rest()
	directive := strings.HasPrefix(line, ".. ")
	if isItem(line) || line[0] == ':' {
		r.close(atItem)
	} else if directive {
		r.close(atBlock)
	}
	r.add(l)
	r.literal = -1
	if strings.HasSuffix(line, "::") || directive {
		r.literal = l.indent()
	}
}

// block reads lines that are indented deeper than some columns, blank ones between them included.
func (r *rst) block(l *lines, indent int) {
	before := atBlock
	if r.start >= 0 { // the options of a directive
		before = atItem
	}
	r.close(before)
	start, end := l.start, l.at
	for ahead := *l; ahead.next(); {
		if ahead.blank() {
			continue
		}
		if ahead.indent() <= indent {
			break
		}
		*l, end = ahead, ahead.at
	}
	r.doc.rows(start, end, before)
	r.literal, r.after = -1, atBlock
}

// title reads a title and its adornment.
func (r *rst) title(l *lines) bool {
	if r.start >= 0 || !r.indented && l.content > l.start && !isAdornment(l.rest()) {
		return false
	}
	over := ""
	name := *l
	if line := l.rest(); isAdornment(line) {
		over = line
		if !name.next() || name.blank() {
			return false
		}
	}
	under, ok := name.peek()
	if !ok || !isAdornment(under.rest()) || over != "" && under.rest() != over {
		return false
	}
	line := under.rest()
	if over == "" && (under.content != name.content-name.start+under.start ||
		len(line) < min(4, utf8.RuneCountInString(name.rest()))) {
		return false
	}
	style := line[:1]
	if over != "" {
		style += style
	}
	r.doc.heading(r.level(style), name.content, name.end, l.start, under.end)
	r.after, r.literal = atBlock, -1
	*l = under
	return true
}

// level returns the level of a style of adornment: styles are numbered as they come.
func (r *rst) level(style string) int {
	for i, known := range r.doc.styles {
		if known == style {
			return i + 1
		}
	}
	if len(r.doc.styles) < maxLevel {
		r.doc.styles = append(r.doc.styles, style)
	}
	return len(r.doc.styles)
}

// isAdornment tells whether a line is three or more of one sign of punctuation.
func isAdornment(line string) bool {
	if len(line) < 3 || line[0] >= utf8.RuneSelf || !isPunctuation(line[0]) {
		return false
	}
	return strings.Trim(line, line[:1]) == ""
}

func isPunctuation(c byte) bool {
	return c > ' ' && c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' && c < 0x7F
}

// google reads the name of a section in Google's style.
func (r *rst) google(l *lines) bool {
	if !r.indented || !strings.HasSuffix(l.rest(), ":") || !googleSections[l.rest()] {
		return false
	}
	if ahead, ok := l.peek(); !ok || ahead.blank() || ahead.indent() <= l.indent() {
		return false
	}
	r.close(atBlock)
	r.doc.heading(maxLevel, l.content, l.content+len(l.rest())-1, l.start, l.end)
	return true
}

var googleSections = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(`Args Arguments Attributes Example Examples Methods Note
		Notes Raises Returns Return Warns Warning Warnings Yields Yield References Todo Parameters`) {
		all[name+":"] = true
	}
	return all
}()

// rows reads tables and doctests.
func (r *rst) rows(l *lines) bool {
	line := l.rest()
	switch {
	case strings.HasPrefix(line, "+-") || strings.HasPrefix(line, "| "):
	case strings.HasPrefix(line, ">>> "):
	case strings.HasPrefix(line, "==") && strings.Trim(line, "= ") == "":
		return r.simpleTable(l)
	default:
		return false
	}
	r.close(atBlock)
	start, end := l.start, l.at
	for ahead := *l; ahead.next() && !ahead.blank(); {
		*l, end = ahead, ahead.at
	}
	r.doc.rows(start, end, atBlock)
	r.after = atBlock
	return true
}

// simpleTable reads a table between lines of "=", up to the last of these before a blank line.
func (r *rst) simpleTable(l *lines) bool {
	stop, found := *l, false
	for ahead := *l; ahead.next() && !ahead.blank(); {
		if line := ahead.rest(); line[0] == '=' && strings.Trim(line, "= ") == "" {
			stop, found = ahead, true
		}
	}
	if !found {
		return false
	}
	r.close(atBlock)
	r.doc.rows(l.start, stop.at, atBlock)
	r.after = atBlock
	*l = stop
	return true
}

package chunk

import "strings"

// markdown reads CommonMark: headings with # and underlined ones, fences, lists, quotes; tables of
// GitHub's, and front matter. A fence that is never closed goes to the end, as CommonMark has it.
type markdown struct {
	doc *doc
	paragraphs
}

func (d *doc) markdown(l *lines) {
	m := markdown{doc: d, paragraphs: d.paragraphs()}
	if l.at == 0 {
		m.frontMatter(l)
	}
	for l.next() {
		if !m.special(l) {
			m.add(l)
		}
	}
	m.close(atBlock)
}

// special reads a line that is no part of a paragraph.
func (m *markdown) special(l *lines) bool {
	if l.blank() {
		m.close(atBlock)
		return true
	}
	c := l.text[l.content]
	if !special[c] || c == '#' && l.indent() > 3 {
		return false
	}
	switch line := l.rest(); {
	case c == '#' && m.hashes(l, line):
		return true
	case c == '`' || c == '~':
		return m.fence(l, line)
	case (c == '=' || c == '-') && m.underline(l, line):
		return true
	case c == '|':
		m.tableRows(l)
		return true
	case c == '>':
		if m.start >= 0 && m.doc.text[firstOf(m.doc.text, m.start, m.end)] != '>' {
			m.close(atBlock)
		}
		return false
	case isRule(line):
		m.close(atBlock)
		m.doc.atom(l.start, l.end, atBlock)
		return true
	case isItem(line):
		m.close(atItem)
	}
	return false
}

// special has the bytes that lines other than of paragraphs begin with.
var special = func() (table [256]bool) {
	for _, c := range []byte("#`~=-|>*+_0123456789\xe2") {
		table[c] = true
	}
	return table
}()

func firstOf(text string, start, end int) int {
	return min(afterSpaces(text, start, end), end-1)
}

// frontMatter reads the metadata between lines of three dashes that a file may begin with.
func (m *markdown) frontMatter(l *lines) {
	ahead := *l
	if !ahead.next() || ahead.rest() != "---" || ahead.content > ahead.start {
		return
	}
	for ahead.next() {
		if line := ahead.rest(); line == "---" || line == "..." {
			m.doc.rows(0, ahead.at, atBlock)
			*l = ahead
			return
		}
	}
}

// hashes reads a heading that begins with #.
func (m *markdown) hashes(l *lines, line string) bool {
	level := len(line) - len(strings.TrimLeft(line, "#"))
	if level > 6 || level < len(line) && line[level] != ' ' && line[level] != '\t' {
		return false
	}
	m.close(atBlock)
	title := strings.TrimRight(line, "#")
	if n := len(title); n < len(line) && n > level && title[n-1] != ' ' && title[n-1] != '\t' {
		title = line
	}
	from := l.content + level
	m.doc.heading(level, from, max(from, l.content+len(title)), l.start, l.end)
	return true
}

// underline reads the line under a heading of one or more lines.
func (m *markdown) underline(l *lines, line string) bool {
	if m.start < 0 || strings.Trim(line, line[:1]) != "" {
		return false
	}
	if c := m.doc.text[firstOf(m.doc.text, m.start, m.end)]; c == '>' || mayBeItem[c] &&
		isItem(m.doc.text[firstOf(m.doc.text, m.start, m.end):m.end]) {
		return false
	}
	level := 2
	if line[0] == '=' {
		level = 1
	}
	start := m.start
	m.start = -1
	m.after = atBlock
	m.doc.heading(level, start, l.start, start, l.end)
	return true
}

// fence reads a block of code up to its end.
func (m *markdown) fence(l *lines, line string) bool {
	mark := line[:len(line)-len(strings.TrimLeft(line, line[:1]))]
	if len(mark) < 3 || mark[0] == '`' && strings.Contains(line[len(mark):], "`") {
		return false
	}
	m.close(atBlock)
	start := l.start
	for l.next() {
		rest := l.rest()
		if strings.HasPrefix(rest, mark) && strings.Trim(rest, mark[:1]) == "" {
			break
		}
	}
	m.doc.rows(start, l.at, atBlock)
	m.after = atBlock
	return true
}

// tableRows reads lines that begin with a bar.
func (m *markdown) tableRows(l *lines) {
	m.close(atBlock)
	start, end := l.start, l.at
	for ahead := *l; ahead.next() && !ahead.blank() && ahead.text[ahead.content] == '|'; {
		*l, end = ahead, ahead.at
	}
	m.doc.rows(start, end, atBlock)
	m.after = atBlock
}

// isRule tells whether a line is a thematic break: three or more of *, - or _.
func isRule(line string) bool {
	if line[0] != '*' && line[0] != '-' && line[0] != '_' {
		return false
	}
	n := strings.Count(line, line[:1])
	return n >= 3 && strings.Trim(line, line[:1]+" \t") == "" &&
		n+strings.Count(line, " ")+strings.Count(line, "\t") == len(line)
}

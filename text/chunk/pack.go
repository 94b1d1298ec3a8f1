package chunk

import (
	"strings"
	"unicode/utf8"
)

// scale gives every atom its place on the scale of the budget.
func (d *doc) scale() {
	if d.options.Unit == Characters {
		count := d.counter()
		for i := range d.atoms {
			a := &d.atoms[i]
			s := count.span(0, a.start, a.end)
			a.from, a.to = s.From, s.To
		}
		return
	}
	at, end := 0, 0
	for i := range d.atoms {
		a := &d.atoms[i]
		a.from = at + d.gap(end, a.start)
		a.to = a.from + a.tokens
		at, end = a.to, a.end
	}
}

// gap is the tokens of white space: none but for that of three bytes, or what the caller counts for
// line ends; and not a megabyte of it.
func (d *doc) gap(start, end int) int {
	least, between := (end-start)/bytesPerToken, d.text[start:end]
	if d.options.Unit != Counted {
		return max(least, Estimate(between))
	}
	breaks := strings.Count(between, "\n")
	if breaks > 0 && breaks < len(between) { // what is indented
		breaks++
	}
	return max(least, breaks*d.options.Break)
}

// packer fills chunks with the atoms of one section.
type packer struct {
	doc         *doc
	room        int
	first, last int // atoms of the chunk that is open; first is -1 for none
	heading     int
}

// pack makes the pieces of all sections.
func (d *doc) pack() {
	d.scale()
	p := packer{doc: d, room: d.room(), first: -1}
	for i, s := range d.sections {
		stop := len(d.atoms)
		if i+1 < len(d.sections) {
			stop = d.sections[i+1].first
		}
		if s.first == stop {
			continue
		}
		n := len(d.pieces)
		p.heading = s.heading
		p.group(s.first, stop, atBlock)
		p.flush()
		if d.options.Overlap > 0 {
			d.overlap(n)
		}
	}
}

func (d *doc) cost(first, last int) int { return d.atoms[last-1].to - d.atoms[first].from }

// group adds atoms to the open chunk if they fit; begins a chunk with them if they fit there; else
// adds the groups between their weightiest boundaries, one by one.
func (p *packer) group(first, last int, weight level) {
	d := p.doc
	switch {
	case p.first < 0 && d.cost(first, last) <= p.room:
		p.first, p.last = first, last
		return
	case p.first >= 0 && d.cost(p.first, last) <= p.room:
		p.last = last
		return
	case last-first == 1, d.cost(first, last) <= p.room && !p.titles():
		p.flush()
		p.first, p.last = first, last
		return
	}
	from := first
	for i := first + 1; i < last; i++ {
		if d.atoms[i].before >= weight {
			p.group(from, i, weight-1)
			from = i
		}
	}
	// Everything is cut at the lowest level, so that weight is above it where this is no part.
	p.group(from, last, max(weight, 1)-1)
}

// titles tells whether the open chunk has nothing but titles: these go with what they are above.
func (p *packer) titles() bool { return p.first >= 0 && p.doc.atoms[p.last-1].title }

func (p *packer) flush() {
	if p.first < 0 {
		return
	}
	d := p.doc
	start := d.atoms[p.first].start
	d.pieces = append(d.pieces, piece{start: start, end: d.atoms[p.last-1].end, own: start,
		first: p.first, last: p.last, heading: p.heading,
		tokens: d.base() + d.cost(p.first, p.last)})
	p.first = -1
}

// overlap has the pieces of a section, those from the n-th on, begin with what ends the ones
// before: whole atoms or, if not even one is small enough, words.
func (d *doc) overlap(n int) {
	for i := n + 1; i < len(d.pieces); i++ {
		p, before := &d.pieces[i], &d.pieces[i-1]
		k := p.first
		for k-1 > before.first && d.cost(k-1, p.last)-d.cost(p.first, p.last) <= d.options.Overlap {
			k--
		}
		grown := 0
		if k < p.first {
			p.start = d.atoms[k].start
			grown = d.cost(k, p.last) - d.cost(p.first, p.last)
		} else {
			p.start, grown = d.tail(p.first-1, p.start)
		}
		p.tokens += grown
		if p.tokens > d.options.Budget { // one grapheme that is
			p.start, p.tokens = p.own, p.tokens-grown
		}
	}
}

// tail returns where the last words of an atom begin that are no more than the overlap together
// with what stands between them and a place; and how much that is. The place and 0 if there are no
// such words.
func (d *doc) tail(i, until int) (start, cost int) {
	a := &d.atoms[i]
	most := d.options.Overlap
	from := a.end - (a.end-a.start)*most/max(a.tokens, 1)
	for at := max(from, a.start); at < a.end; {
		at = wordAfter(d.text, at, a.end)
		if at == a.end {
			break
		}
		if cost = d.stretch(at, until); cost <= most {
			return at, cost
		}
	}
	return until, 0
}

// wordAfter returns the first start of a word after a place, or end.
func wordAfter(text string, i, end int) int {
	for i < end && !utf8.RuneStart(text[i]) {
		i++
	}
	spaced := false
	for i < end {
		_, n, c := at(text, i)
		if c&space == 0 && spaced {
			return i
		}
		spaced = c&space != 0
		i += n
	}
	return end
}

// stretch is about how much of the unit a stretch is.
func (d *doc) stretch(start, end int) int {
	if d.options.Unit == Characters {
		return characters(d.text[start:end])
	}
	return max(Estimate(d.text[start:end]), (end-start+bytesPerToken-1)/bytesPerToken)
}

package chunk

import (
	"github.com/ruvector/ruvector-arrow/fault"
)

// settle begins what follows parsing: with weights of its own, or by asking for counts.
func (d *doc) settle() error {
	if d.options.Unit == Counted {
		for i := range d.atoms {
			d.want(i)
		}
		return fault.FromContext(d.ctx, "chunk")
	}
	for i := range d.atoms {
		d.weigh(&d.atoms[i])
	}
	for d.refine() {
		for _, i := range d.askedFor {
			d.weigh(&d.atoms[i])
		}
	}
	if err := fault.FromContext(d.ctx, "chunk"); err != nil {
		return err
	}
	d.wanted, d.askedFor = nil, nil
	d.pack()
	return nil
}

// want asks for the tokens of an atom.
func (d *doc) want(i int) {
	d.wanted = append(d.wanted, place{d.atoms[i].start, d.atoms[i].end})
	d.askedFor = append(d.askedFor, i)
}

// hear takes the counts that were asked for.
func (d *doc) hear() error {
	if d.packed {
		d.verify()
		return fault.FromContext(d.ctx, "chunk")
	}
	for k, i := range d.askedFor {
		d.atoms[i].counted = int(d.told[k])
		d.atoms[i].tokens = max(int(d.told[k])-d.options.Base, leastTokens(&d.atoms[i]))
	}
	if d.refine() {
		return fault.FromContext(d.ctx, "chunk")
	}
	d.pack()
	d.packed = true
	d.wanted, d.askedFor = d.wanted[:0], d.askedFor[:0]
	for i := range d.pieces {
		p := &d.pieces[i]
		if p.last-p.first == 1 && p.start == p.own { // counted already
			p.tokens = d.atoms[p.first].counted
			continue
		}
		d.wanted = append(d.wanted, place{p.start, p.end})
		d.askedFor = append(d.askedFor, i)
	}
	return fault.FromContext(d.ctx, "chunk")
}

func leastTokens(a *atom) int { return (a.end - a.start + bytesPerToken - 1) / bytesPerToken }

// weigh sets the tokens of an atom without the caller.
func (d *doc) weigh(a *atom) {
	text := d.text[a.start:a.end]
	if d.options.Unit == Characters {
		a.tokens = len(text)
		if !d.ascii {
			a.tokens = characters(text)
		}
		return
	}
	a.tokens = max(Estimate(text), leastTokens(a))
}

// room is how much of the unit a chunk may have beside what it repeats and what all have.
func (d *doc) room() int {
	return max(1, d.options.Budget-d.options.Overlap-d.base())
}

// base is how much of the unit every chunk has.
func (d *doc) base() int {
	if d.options.Unit == Counted {
		return d.options.Base
	}
	return 0
}

// refine cuts atoms that are over the budget into smaller ones, whose weights it asks for, and
// reports whether there were any.
func (d *doc) refine() bool {
	d.wanted, d.askedFor = d.wanted[:0], d.askedFor[:0]
	limit, over := d.room(), 0
	titles := 0
	for i := range d.atoms {
		if d.isOver(i, &titles, limit) {
			over++
		}
	}
	if over == 0 {
		return false
	}
	made := make([]atom, 0, len(d.atoms)+8*over)
	s := 0
	titles = 0
	for i := range d.atoms {
		a := &d.atoms[i]
		for ; s < len(d.sections) && d.sections[s].first == i; s++ {
			d.sections[s].first = len(made)
		}
		first := len(made)
		if !d.isOver(i, &titles, limit) || d.stopped() {
			made = append(made, *a)
			continue
		}
		if made = d.parts(made, a, limit); len(made) == first+1 {
			made[first] = *a
			made[first].stage = final
			continue
		}
		for k := first; k < len(made); k++ {
			made[k].title = a.title
			d.askedFor = append(d.askedFor, k)
			d.wanted = append(d.wanted, place{made[k].start, made[k].end})
		}
	}
	for ; s < len(d.sections); s++ {
		d.sections[s].first = len(made)
	}
	d.atoms = made
	return len(d.askedFor) > 0
}

// isOver tells whether an atom is to be cut: over the budget, or a paragraph that is so together
// with the titles above it. titles has the weight of these, and is kept from atom to atom.
func (d *doc) isOver(i int, titles *int, limit int) bool {
	a := &d.atoms[i]
	above := *titles
	if *titles = 0; above > limit { // they have chunks of their own
		above = 0
	}
	if a.title {
		*titles = above + a.tokens + 2 // characters between them, at most
	}
	return a.stage != final && (a.tokens > limit ||
		a.stage == block && above > 0 && above+a.tokens > limit)
}

// parts adds the next smaller parts of an atom; one where it has none.
func (d *doc) parts(made []atom, a *atom, limit int) []atom {
	first := len(made)
	for _, next := range smaller[a.stage] {
		switch next {
		case whole:
			made = d.sentences(made, a.start, a.end, a.before)
		case line:
			made = d.rowsOf(made, a.start, a.end, a.before)
		case words:
			made = d.words(made, a.start, a.end, a.before)
		}
		if len(made) > first+1 {
			return made
		}
		made = made[:first]
	}
	n := (d.graphemes(a.start, a.end) + 3) / 4
	if a.stage != shards {
		n = min(n, max(1, limit/8)) // some of which will fill a chunk well
	}
	return d.shards(made, a.start, a.end, n, a.before)
}

// smaller has the stages that an atom of a stage can be cut to, before graphemes.
var smaller = [...][]stage{block: {whole, line, words}, whole: {line, words}, line: {words},
	words: nil, shards: nil, final: nil}

// rowsOf adds the lines of a stretch.
func (d *doc) rowsOf(made []atom, start, end int, first level) []atom {
	lines := d.lines(start, end)
	for lines.next() {
		if from, to := trimmed(d.text, lines.start, lines.end); from < to {
			made = append(made, atom{start: from, end: to, before: first, stage: line})
			first = atLine
		}
	}
	return made
}

// words adds the words of a stretch, each with the boundary before it. A word ends at white space
// and after a comma of CJK's.
func (d *doc) words(made []atom, start, end int, first level) []atom {
	text := d.text
	next := first
	for i := start; i < end; {
		from := i
		for i < end {
			_, n, c := at(text, i)
			if c&space != 0 {
				break
			}
			if i += n; c&comma != 0 && i < end && i == graphemeEnd(text, i-n, end) {
				break
			}
		}
		if i > from {
			made = append(made, atom{start: from, end: i, before: next, stage: words})
		}
		next = atWord
		for i < end {
			_, n, c := at(text, i)
			if c&space == 0 {
				break
			}
			i += n
		}
	}
	return made
}

// shards adds runs of n graphemes.
func (d *doc) shards(made []atom, start, end, n int, first level) []atom {
	for start < end {
		i := start
		for k := 0; k < n && i < end; k++ {
			i = graphemeEnd(d.text, i, end)
		}
		made = append(made, atom{start: start, end: i, before: first, stage: shards})
		start, first = i, inWord
	}
	return made
}

func (d *doc) graphemes(start, end int) int {
	n := 0
	for ; start < end; n++ {
		start = graphemeEnd(d.text, start, end)
	}
	return n
}

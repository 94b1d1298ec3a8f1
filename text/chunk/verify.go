package chunk

// verify compares pieces with their true counts. What is over the budget loses what it repeats, and
// after that is halved; both are asked for again.
func (d *doc) verify() {
	counted := make(map[int]int, len(d.askedFor))
	over := false
	for k, i := range d.askedFor {
		counted[i] = int(d.told[k])
		d.pieces[i].tokens = int(d.told[k])
		over = over || d.pieces[i].tokens > d.options.Budget
	}
	d.wanted, d.askedFor = d.wanted[:0], d.askedFor[:0]
	if !over {
		return
	}
	made := make([]piece, 0, len(d.pieces)+8)
	for i, p := range d.pieces {
		_, fresh := counted[i]
		if !fresh || p.tokens <= d.options.Budget {
			made = append(made, p)
			continue
		}
		if p.start < p.own {
			p.start = p.own
			made = d.ask(made, p)
			continue
		}
		left, right, ok := d.halve(p)
		if !ok {
			made = append(made, p)
			continue
		}
		made = d.ask(d.ask(made, left), right)
	}
	d.pieces = made
}

func (d *doc) ask(made []piece, p piece) []piece {
	d.askedFor = append(d.askedFor, len(made))
	d.wanted = append(d.wanted, place{p.start, p.end})
	return append(made, p)
}

// halve cuts a piece near its middle, at the weightiest boundary there. It reports false for a
// single grapheme.
func (d *doc) halve(p piece) (left, right piece, ok bool) {
	left, right = p, p
	if p.last-p.first > 1 {
		i := d.middle(p.first, p.last)
		left.last, right.first = i, i
		left.end, right.start = d.atoms[i-1].end, d.atoms[i].start
		right.own = right.start
		return left, right, true
	}
	parts := d.words(nil, p.start, p.end, atWord)
	if len(parts) < 2 {
		n := d.graphemes(p.start, p.end)
		parts = d.shards(nil, p.start, p.end, max(1, (n+1)/2), inWord)
	}
	if len(parts) < 2 {
		return p, p, false
	}
	i := len(parts) / 2
	left.end, right.start = parts[i-1].end, parts[i].start
	right.own = right.start
	return left, right, true
}

// middle returns the atom that begins the second half of some: of those in the middle half the one
// with the weightiest boundary, and of these the nearest to the middle.
func (d *doc) middle(first, last int) int {
	from, all := d.atoms[first].from, d.cost(first, last)
	best, found := first+1, -1
	for i := first + 1; i < last; i++ {
		a := &d.atoms[i]
		off := max(2*(a.from-from)-all, all-2*(a.from-from)) // twice how far from the middle
		score := -off
		if 2*off <= all {
			score = 2*all*(1+int(a.before)) - off
		}
		if i == first+1 || score > found {
			best, found = i, score
		}
	}
	return best
}

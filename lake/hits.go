package lake

import (
	"math"
	"strconv"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// ID is what a row is called in its collection: a number or a text. Two of them are equal (==) or
// they name different rows. Its kind is IDInt64, IDUint64 or IDString.
type ID struct {
	Kind   arrowidx.IDKind
	Number uint64 // the bits of a numeric id
	Text   string
}

// String returns the id as it is, without quotes.
func (id ID) String() string {
	switch id.Kind {
	case arrowidx.IDString:
		return id.Text
	case arrowidx.IDUint64:
		return strconv.FormatUint(id.Number, 10)
	}
	return strconv.FormatInt(int64(id.Number), 10)
}

// idOf returns what a row is called.
func idOf(ids *arrowidx.IDs, row int64) ID {
	switch kind := ids.Kind(); kind {
	case arrowidx.IDString:
		return ID{Kind: kind, Text: ids.Plain(row)}
	case arrowidx.IDUint64:
		return ID{Kind: kind, Number: ids.Number(row)}
	}
	return ID{Kind: arrowidx.IDInt64, Number: ids.Number(row)}
}

// Hit is a row that a federated search found.
type Hit struct {
	Target int // which of [Federated.Targets] it is a row of
	ID     ID
	Score  float32
}

// Federated is the answer of several collections to the same queries. Query q's hits are Counts[q]
// of them from q*K on, best first: equal scores in the order of targets, and those of one target
// as its own search has them. The rest of its K cells have target -1 and score NaN.
type Federated struct {
	Targets []backend.Key // what was asked, in this order
	K       int           // cells a query: as many as were asked for, or all rows if those are fewer
	Hits    []Hit
	Counts  []int64
	// Errors says why a target has no part in the answer, nil where all have. The collection is
	// empty where a backend could not even tell what it holds.
	Errors map[backend.Key]error
	Plan   arrowidx.Plan // sums over the targets that answered; Total is the time of the whole
}

// Of returns the hits of a query.
func (f *Federated) Of(q int) []Hit { return f.Hits[q*f.K : q*f.K+int(f.Counts[q])] }

// overRequest is how many rows each of s targets is asked for so that k of all are the nearest:
// min(4k, k + ceil(sqrt(k ln s))).
func overRequest(k, s int) int {
	if s < 2 || k <= 0 {
		return max(k, 0)
	}
	more := int(math.Ceil(math.Sqrt(float64(k) * math.Log(float64(s)))))
	return k + min(3*k, more)
}

// leastFactor is the smallest rerank factor that a lake gives to one of many targets.
const leastFactor = 5

// shardFactor is the rerank factor of each of s targets, max(5, global/s), but never more than the
// one that a single target has.
func shardFactor(global, s int) int {
	if s < 2 {
		return global
	}
	return min(global, max(leastFactor, global/s))
}

// answer is what one target answered, laid out for k rows a query.
type answer struct {
	target int
	k      int
	rows   []int64
	scores []float32
	counts []int64
	ids    *arrowidx.IDs
	found  []bool // of the ids that may be found, those that the target has; nil: it did not say
	plan   arrowidx.Plan
}

// merger joins answers, which are in the order of targets, query by query.
type merger struct {
	larger, dedupe bool
	targets        []backend.Key
	heads          []head // the heap of one query: of each answer what is next
	seen           map[name]struct{}
}

// head is the next cell of an answer.
type head struct {
	from     *answer
	at, end  int
	order    float32 // its score, negated where larger ones are better
	sequence int
}

// name is what tells rows of different backends apart where they may hold the same ones.
type name struct {
	collection string
	id         ID
}

// nameOf returns the name of a hit. A number is the same whether it came as int64 or as uint64.
func (m *merger) nameOf(h Hit) name {
	if h.ID.Kind == arrowidx.IDInt64 && int64(h.ID.Number) >= 0 {
		h.ID.Kind = arrowidx.IDUint64
	}
	return name{m.targets[h.Target].Collection, h.ID}
}

// merge writes the best k hits of every query.
func (m *merger) merge(answers []answer, f *Federated) {
	for q := range f.Counts {
		m.load(answers, q)
		cells := f.Hits[q*f.K : (q+1)*f.K]
		n := m.best(cells)
		f.Counts[q] = int64(n)
		for i := n; i < len(cells); i++ {
			cells[i] = Hit{Target: -1, Score: float32(math.NaN())}
		}
	}
}

// load makes the heap of a query.
func (m *merger) load(answers []answer, q int) {
	m.heads = m.heads[:0]
	for i := range answers {
		a := &answers[i]
		if n := int(a.counts[q]); n > 0 {
			h := head{from: a, at: q * a.k, end: q*a.k + n, sequence: i}
			m.heads = append(m.heads, h.scored(m.larger))
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
}

// scored returns the head with the order of the cell that it is at.
func (h head) scored(larger bool) head {
	if h.order = h.from.scores[h.at]; larger {
		h.order = -h.order
	}
	return h
}

// best writes the best hits into cells and returns how many there are.
func (m *merger) best(cells []Hit) int {
	clear(m.seen)
	n := 0
	for n < len(cells) && len(m.heads) > 0 {
		h := m.heads[0]
		hit := Hit{h.from.target, idOf(h.from.ids, h.from.rows[h.at]), h.from.scores[h.at]}
		if h.at++; h.at < h.end {
			m.heads[0] = h.scored(m.larger)
		} else {
			last := len(m.heads) - 1
			m.heads[0] = m.heads[last]
			m.heads = m.heads[:last]
		}
		m.down(0)
		if m.dedupe {
			key := m.nameOf(hit)
			if _, twice := m.seen[key]; twice {
				continue
			}
			m.seen[key] = struct{}{}
		}
		cells[n] = hit
		n++
	}
	return n
}

// down moves the head at i to where none below it is better.
func (m *merger) down(i int) {
	for {
		best := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heads); child++ {
			if m.heads[child].before(m.heads[best]) {
				best = child
			}
		}
		if best == i {
			return
		}
		m.heads[i], m.heads[best] = m.heads[best], m.heads[i]
		i = best
	}
}

// before reports whether a head's cell comes first: the better score, then the earlier target.
func (h head) before(o head) bool {
	if h.order != o.order {
		return h.order < o.order
	}
	return h.sequence < o.sequence
}

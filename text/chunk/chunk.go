// Package chunk cuts texts into passages that fit an embedder: by heading, then paragraph, list
// item or code block, then sentence, then line and word, at last between characters that a reader
// sees as two. What it answers are places in the texts, never copies.
package chunk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Kind is how the structure of a text is written.
type Kind uint8

// The kinds of text.
const (
	Plain     Kind = iota // paragraphs between blank lines, lists
	Markdown              // CommonMark's headings, fences, lists and quotes; tables of GitHub's
	RST                   // reStructuredText: titles with adornments, literal blocks, tables
	Docstring             // RST whose titles may be indented; sections of Google's style
	Code                  // lines; blank ones before lines that are not indented weigh most
)

// Unit is what a budget counts.
type Unit uint8

// The units of budgets.
const (
	Estimated  Unit = iota // tokens as Estimate counts them
	Characters             // code points, those between the pieces of a chunk included
	Counted                // tokens that the caller counts: see Cut.Asked
)

// bytesPerToken is the most bytes that one token stands for. Tokenizers give a word that they do
// not know, be it a megabyte, one token, which says nothing of it.
const bytesPerToken = 32

// maxLevel is the deepest level of a heading, so that a path of headings stays short.
const maxLevel = 64

// MaxBudget is the largest budget.
const MaxBudget = 1 << 30

// Texts is a column of texts: UTF-8, none where a row is null.
type Texts interface {
	// Len is the number of rows.
	Len() int
	// At returns the text of a row, which stays as it is.
	At(row int) string
}

// Mark is a place in a text, known from outside, at which a chunk begins and none goes on: a
// heading, whose letters are [Start, End), or at level 0 only a place (the next page or cell).
type Mark struct {
	Text       int
	Start, End int // characters
	Level      int // 1 is the highest heading, 64 the lowest
}

// Options say how texts are cut. Budget is the most of Unit that a chunk has and Overlap how much
// of a chunk the next one of the same heading may repeat. Base is how many tokens a chunk has
// beside those of its words and Break how many each line end between its parts, both where tokens
// are counted. Threads is 0 for the default.
type Options struct {
	Kind            Kind
	Unit            Unit
	Budget, Overlap int
	Base, Break     int
	Threads         int
}

// Span is a place in a text.
type Span struct {
	Text       int
	Start, End int // bytes
	From, To   int // characters
}

// Chunk is a passage. Heading is the number of the heading that it stands under, or -1; Tokens is
// its size in the unit of the budget.
type Chunk struct {
	Span
	Heading int
	Tokens  int
}

// Heading is a title. Parent is the number of the heading above it, or -1.
type Heading struct {
	Span
	Level, Parent int
}

// Progress says how far cutting is, in bytes; its methods may be called at any time.
type Progress struct{ done, total atomic.Int64 }

// Done returns the work done and the work in all, 0 and 0 before it is known.
func (p *Progress) Done() (done, total int64) { return p.done.Load(), p.total.Load() }

// Cut is texts being cut. Unless its unit is Counted it is complete when New returns. Otherwise the
// caller counts the tokens of the spans that Asked returns and calls Tell, until none are asked.
// Calls wait for each other.
type Cut struct {
	mu      sync.Mutex
	options Options
	docs    []doc
	asked   []Span
}

// New cuts texts, which must stay as they are until the last call. marks are in order of their
// texts and places.
//
// Every character that is no white space (Unicode's White_Space) lies in a chunk. Chunks are in
// order; they overlap only where an overlap is asked for. None is over the budget but one that is a
// single grapheme cluster. A heading begins a chunk, and none goes on over it, except that headings
// without a text of their own stay with the heading below them. Time is linear in the bytes.
//
// Errors: InvalidArgument for options and marks that cannot be and, naming text and byte
// for what is not UTF-8, Cancelled.
func New(
	ctx context.Context, texts Texts, marks []Mark, options Options, progress *Progress,
) (*Cut, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = &Progress{}
	}
	c := &Cut{options: options, docs: make([]doc, texts.Len())}
	total := 0
	for i := range c.docs {
		c.docs[i] = doc{text: texts.At(i), row: i, options: &c.options, ctx: ctx}
		total += len(c.docs[i].text)
	}
	if err := c.place(marks); err != nil {
		return nil, err
	}
	progress.total.Store(int64(total))
	err := c.each(ctx, func(d *doc) error {
		if err := d.open(); err != nil {
			return err
		}
		d.parse()
		progress.done.Add(int64(len(d.text)))
		return d.settle()
	})
	if err != nil {
		return nil, err
	}
	c.gather()
	return c, nil
}

func (o *Options) check() error {
	switch {
	case o.Kind > Code || o.Unit > Counted:
		return fault.New(fault.InvalidArgument, "chunk", "an unknown kind or unit", "")
	case o.Budget < 1 || o.Budget > MaxBudget:
		return fault.New(fault.InvalidArgument, "chunk", fmt.Sprintf("budget = %d", o.Budget),
			fmt.Sprintf("use 1 to %d", MaxBudget))
	case o.Overlap < 0 || o.Overlap >= o.Budget:
		return fault.New(fault.InvalidArgument, "chunk",
			fmt.Sprintf("overlap = %d of a budget of %d", o.Overlap, o.Budget),
			"use 0 or more, and less than the budget")
	case o.Break < 0 || o.Break > bytesPerToken:
		return fault.New(fault.InvalidArgument, "chunk",
			fmt.Sprintf("%d tokens of a line end", o.Break), "")
	case o.Base < 0 || o.Unit == Counted && o.Base >= o.Budget:
		return fault.New(fault.InvalidArgument, "chunk",
			fmt.Sprintf("budget = %d, and %d tokens are in every chunk", o.Budget, o.Base),
			"use a larger budget")
	}
	return nil
}

// place gives marks to their texts.
func (c *Cut) place(marks []Mark) error {
	for i, m := range marks {
		wrong := ""
		switch {
		case m.Text < 0 || m.Text >= len(c.docs):
			wrong = fmt.Sprintf("is in text %d of %d", m.Text, len(c.docs))
		case m.Level < 0 || m.Level > maxLevel:
			wrong = fmt.Sprintf("has level %d, not 0 to %d", m.Level, maxLevel)
		case m.Start < 0 || m.End < m.Start:
			wrong = fmt.Sprintf("is [%d, %d)", m.Start, m.End)
		case i > 0 && (m.Text < marks[i-1].Text ||
			m.Text == marks[i-1].Text && m.Start < marks[i-1].End):
			wrong = "begins before the one before it ends"
		}
		if wrong != "" {
			return fault.At(fault.InvalidArgument, "chunk", int64(i), -1,
				fmt.Sprintf("heading %d %s", i, wrong), "pass headings in the order of the texts")
		}
		d := &c.docs[m.Text]
		d.marks = append(d.marks, m)
	}
	return nil
}

// docBatch is how many short texts one unit of parallel work has.
const docBatch = 64

// each runs f for every text; the first text that fails names the error.
func (c *Cut) each(ctx context.Context, f func(*doc) error) error {
	threads := mem.Threads(c.options.Threads)
	batch := max(1, min(docBatch, len(c.docs)/(4*threads)))
	units := (len(c.docs) + batch - 1) / batch
	return mem.Parallel(ctx, "chunk", threads, units, func(_, u int) error {
		for i := u * batch; i < min(len(c.docs), (u+1)*batch); i++ {
			if err := f(&c.docs[i]); err != nil {
				return err
			}
		}
		return fault.FromContext(ctx, "chunk")
	})
}

// gather collects what the texts want counted.
func (c *Cut) gather() {
	c.asked = c.asked[:0]
	for i := range c.docs {
		d := &c.docs[i]
		count := d.counter()
		for _, p := range d.wanted {
			c.asked = append(c.asked, count.span(d.row, p.start, p.end))
		}
	}
}

// Asked returns the spans whose tokens are to be counted next, none when all is done.
func (c *Cut) Asked() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// Tell takes how many tokens the spans of Asked have, each as a text by itself.
//
// Errors: InvalidArgument for another number of counts and for negative ones, Cancelled.
func (c *Cut) Tell(ctx context.Context, counts []int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(counts) != len(c.asked) {
		return fault.New(fault.InvalidArgument, "chunk",
			fmt.Sprintf("%d counts of %d spans", len(counts), len(c.asked)), "")
	}
	for i, n := range counts {
		if n < 0 || n > MaxBudget {
			return fault.At(fault.InvalidArgument, "chunk", int64(i), -1,
				fmt.Sprintf("span %d has %d tokens", i, n), "check what counts the tokens")
		}
	}
	for i := range c.docs {
		d := &c.docs[i]
		d.told, d.ctx = counts[:len(d.wanted)], ctx
		counts = counts[len(d.wanted):]
	}
	if err := c.each(ctx, (*doc).hear); err != nil {
		return err
	}
	c.gather()
	return nil
}

// Counts returns how many spans are asked for, and how many chunks and headings there are.
func (c *Cut) Counts() (asked, chunks, headings int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.docs {
		chunks += len(c.docs[i].pieces)
		headings += len(c.docs[i].headings)
	}
	return len(c.asked), chunks, headings
}

// Chunks returns all chunks in the order of the texts, and the headings that they name.
func (c *Cut) Chunks() ([]Chunk, []Heading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, titles := 0, 0
	for i := range c.docs {
		n += len(c.docs[i].pieces)
		titles += len(c.docs[i].headings)
	}
	chunks, headings := make([]Chunk, 0, n), make([]Heading, 0, titles)
	for i := range c.docs {
		d := &c.docs[i]
		first := len(headings)
		count := d.counter()
		for _, h := range d.headings {
			made := Heading{Span: count.span(d.row, h.start, h.end), Level: h.level, Parent: -1}
			if h.parent >= 0 {
				made.Parent = first + h.parent
			}
			headings = append(headings, made)
		}
		count = d.counter()
		for _, p := range d.pieces {
			made := Chunk{Span: count.span(d.row, p.start, p.end), Heading: -1, Tokens: p.tokens}
			if p.heading >= 0 {
				made.Heading = first + p.heading
			}
			chunks = append(chunks, made)
		}
	}
	return chunks, headings
}

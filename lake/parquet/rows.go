package parquet

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sort"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
)

// table is where the values of a row group lie, page by page. Rows that are not null have the same
// number of values, so that a row's place follows from its number and the null rows before it.
type table struct {
	pages  []pageAt
	values int64  // of all pages
	valid  []byte // a bit a row, nil if none is null
	ranks  []int64
}

// pageAt is a page: where its head lies, and how many values come before it in the chunk.
type pageAt struct {
	at     int64
	before int64
	n      int64
	// plain is where the values lie in the file if they lie there as they are, and have been
	// checked; 0 if that is not known, -1 if they do not.
	plain atomic.Int64
	known atomic.Bool // levels and checksum have been checked
}

// rankRows is how many rows have a common count of the valid ones before them.
const rankRows = 512

// add notes a page, whose values begin at `before`.
func (t *table) add(p *pageReader, pg *page, before int64, known bool) {
	t.pages = append(t.pages, pageAt{})
	at := &t.pages[len(t.pages)-1]
	at.at, at.before, at.n = pg.at, before, t.values-before
	if known {
		at.note(p, pg)
	}
}

// note keeps that a page was checked, and where its values lie.
func (a *pageAt) note(p *pageReader, pg *page) {
	where := int64(-1)
	stored := p.chunk.Codec == codecNone || pg.kind == pageDataV2 && !pg.packed
	if stored && pg.encoding == plain && p.leaf.Physical != Int32 {
		where = pg.bodyAt
	}
	a.plain.Store(where)
	a.known.Store(true)
}

func (t *table) noteNulls(rows, row int64, n int) {
	if t.valid == nil {
		t.valid = make([]byte, (rows+7)/8)
		setBits(t.valid, int(rows))
	}
	clearBits(t.valid, row, n)
}

// finish counts the valid rows.
func (t *table) finish(rows int64) {
	if t.valid == nil {
		return
	}
	count := int64(0)
	for at := int64(0); at < rows; at += rankRows {
		t.ranks = append(t.ranks, count)
		for _, b := range t.valid[at/8 : min((at+rankRows)/8, int64(len(t.valid)))] {
			count += int64(bits.OnesCount8(b))
		}
	}
}

// isValid reports whether a row is not null.
func (t *table) isValid(row int64) bool {
	return t.valid == nil || t.valid[row>>3]>>(row&7)&1 == 1
}

// rank returns how many rows before one are not null.
func (t *table) rank(row int64) int64 {
	if t.valid == nil {
		return row
	}
	n := t.ranks[row/rankRows]
	for i := row / rankRows * rankRows; i < row; i++ {
		n += int64(t.valid[i>>3] >> (i & 7) & 1)
	}
	return n
}

// errHeads is found where rows are not what the heads of pages made believe: null, or ragged.
var errHeads = errors.New("rows of another length than the others")

// tableOf returns the table of a row group. Where as many entries are stored as all rows have
// numbers, the heads of the pages suffice, and what they say is proved of each page that is read;
// otherwise, and in place of the table wrong, the levels are walked once.
func (v *Vectors) tableOf(ctx context.Context, group int, wrong *table) (*table, error) {
	if t := v.tables[group].Load(); t != wrong {
		return t, nil
	}
	v.locks[group].Lock()
	defer v.locks[group].Unlock()
	if t := v.tables[group].Load(); t != wrong {
		return t, nil
	}
	p, err := v.pages(group)
	if err != nil {
		return nil, err
	}
	defer p.release()
	if err := v.checkSize(&p.chunk, group); err != nil {
		return nil, err
	}
	rows, _ := v.f.GroupRows(group)
	t := &table{pages: []pageAt{}}
	few := wrong == nil && p.chunk.Values == rows*int64(v.per())
	if few && (v.per() > 1 || v.leaf.MaxDef == 0) {
		err = p.heads(ctx, t)
	} else {
		w := v.walker(group)
		w.sink = &tableSink{w: w, table: t}
		err = p.each(ctx, func(p *pageReader, pg *page) error {
			before := t.values
			if err := w.page(p, pg); err != nil {
				return err
			}
			t.add(p, pg, before, false)
			return nil
		})
		if err == nil {
			err = w.finish()
		}
	}
	if err != nil {
		return nil, err
	}
	if t.valid == nil && t.values != rows*int64(v.per()) {
		return nil, v.f.damaged(group, v.name, "%d values for %d rows", t.values, rows)
	}
	t.finish(rows)
	v.tables[group].Store(t)
	return t, nil
}

// tableSink counts.
type tableSink struct {
	w     *walker
	table *table
}

func (s *tableSink) stored(n int) error {
	s.table.values += int64(n)
	return nil
}

func (s *tableSink) nulls(row int64, n int) error {
	s.table.noteNulls(s.w.limit, row, n)
	return nil
}

// heads fills a table from the heads of the pages alone, as if all of their entries were values.
func (p *pageReader) heads(ctx context.Context, t *table) error {
	for p.at < p.end && p.entries < p.chunk.Values {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		h, size, err := p.header()
		if err == nil {
			err = p.check(&h, size)
		}
		if err != nil {
			return err
		}
		pg := page{pageHeader: h, at: p.at, bodyAt: p.at + size, bodySize: int64(h.stored)}
		p.at += size + int64(h.stored)
		if h.kind == pageData || h.kind == pageDataV2 {
			before := t.values
			t.values += int64(h.n)
			p.entries += int64(h.n)
			t.add(p, &pg, before, false)
		}
	}
	return nil
}

// ReadRows reads n rows from one on into dst, of n times RowBytes, and their bits of validity into
// valid, if that is not nil (see ReadGroup). Only the pages that hold them are decoded, and the
// last ones are kept; rows that lie in the file as they are in memory are read where they lie.
// What is read is checked as ReadGroup does; other rows are not.
func (v *Vectors) ReadRows(ctx context.Context, from, n int64, dst, valid []byte) (err error) {
	defer func() { v.f.recovered(recover(), &err) }()
	if from < 0 || n < 0 || n > v.Rows()-from || int64(len(dst)) != n*int64(v.RowBytes()) ||
		valid != nil && int64(len(valid)) < (n+7)/8 {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("rows %d to %d of %d into %d bytes", from, from+n, v.Rows(), len(dst)),
			"ask for rows that exist, and pass buffers of their length")
	}
	setBits(valid, int(n))
	for done := int64(0); done < n; {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		group := v.f.GroupOf(from + done)
		rows, first := v.f.GroupRows(group)
		row := from + done - first
		some := min(n-done, rows-row)
		if some > 0 { // a group of no rows may begin at the same row
			into := dst[done*int64(v.RowBytes()) : (done+some)*int64(v.RowBytes())]
			if err := v.readIn(ctx, group, row, some, into, valid, done); err != nil {
				return err
			}
		}
		done += some
	}
	return nil
}

// readIn reads n rows of a row group; the first has bit `bit` of valid.
func (v *Vectors) readIn(
	ctx context.Context, group int, row, n int64, dst, valid []byte, bit int64,
) error {
	t, err := v.tableOf(ctx, group, nil)
	if err != nil {
		return err
	}
	err = v.readWith(t, group, row, n, dst, valid, bit)
	if errors.Is(err, errHeads) {
		if t, err = v.tableOf(ctx, group, t); err == nil {
			err = v.readWith(t, group, row, n, dst, valid, bit)
		}
		if errors.Is(err, errHeads) {
			return v.f.damaged(group, v.name, "%v", err)
		}
	}
	return err
}

// readWith reads n rows of a row group by its table.
func (v *Vectors) readWith(
	t *table, group int, row, n int64, dst, valid []byte, bit int64,
) error {
	size, per := int64(v.RowBytes()), int64(v.per())
	for i := int64(0); i < n; {
		j := i
		for j < n && t.isValid(row+j) {
			if t.valid == nil {
				j = n
				break
			}
			j++
		}
		if j > i {
			at := t.rank(row + i)
			if err := v.readValues(group, t, at*per, (at+j-i)*per, dst[i*size:j*size]); err != nil {
				return err
			}
			i = j
			continue
		}
		if valid == nil {
			_, first := v.f.GroupRows(group)
			return v.nullRow(first + row + i)
		}
		clear(dst[i*size : (i+1)*size])
		clearBits(valid, bit+i, 1)
		i++
	}
	return nil
}

// readValues reads values [from, to) of a row group.
func (v *Vectors) readValues(group int, t *table, from, to int64, dst []byte) error {
	unit := int64(v.unit())
	k := sort.Search(len(t.pages), func(i int) bool { return t.pages[i].before > from }) - 1
	for from < to {
		if k < 0 || k >= len(t.pages) {
			return v.f.damaged(group, v.name, "value %d is in no page", from)
		}
		at := &t.pages[k]
		some := min(to, at.before+at.n) - from
		if some > 0 {
			if err := v.readPart(group, t, k, from-at.before, dst[:some*unit]); err != nil {
				return err
			}
			dst = dst[some*unit:]
			from += some
		}
		k++
	}
	return nil
}

// readPart reads values of page k from its value `from` on.
func (v *Vectors) readPart(group int, t *table, k int, from int64, dst []byte) error {
	at := &t.pages[k]
	unit := int64(v.unit())
	if at.plain.Load() > 0 {
		return v.f.readAt(dst, at.plain.Load()+from*unit)
	}
	p, err := v.page(group, k, func() ([]byte, error) { return v.decodePage(group, t, k) })
	if err != nil {
		return err
	}
	if p == nil {
		return v.f.readAt(dst, at.plain.Load()+from*unit)
	}
	copy(dst, p.data[from*unit:])
	v.cache.done(p)
	return nil
}

// decodePage checks page k, and returns its values, or nil if they lie in the file as they are.
func (v *Vectors) decodePage(group int, t *table, k int) ([]byte, error) {
	p, err := v.pages(group)
	if err != nil {
		return nil, err
	}
	defer p.release()
	at := &t.pages[k]
	if err := v.lendDictionary(p, at.at); err != nil {
		return nil, err
	}
	p.at = at.at
	pg, ok, err := p.next()
	if err == nil && !ok {
		err = p.damaged("the page at byte %d of the file is gone", at.at)
	}
	if err != nil {
		return nil, err
	}
	if !at.known.Load() {
		if err := v.prove(p, &pg, t, at); err != nil {
			return nil, err
		}
		if at.plain.Load() > 0 {
			return nil, nil
		}
	}
	read := values{unit: v.unit(), sign: v.elem == Int8}
	if err := read.open(p, &pg); err != nil {
		return nil, err
	}
	size := at.n * int64(v.unit())
	if size > v.f.limits.PageDecoded {
		return nil, v.f.exceeded(v.f.place(group, v.name), "a page's unpacked bytes", "page_decoded",
			size, v.f.limits.PageDecoded)
	}
	where := v.f.place(group, v.name)
	if err := v.f.checkExpansion(where, int64(pg.stored)+int64(len(p.dict)), size); err != nil {
		return nil, err
	}
	out := v.cache.room(size)
	if err := read.read(out); err != nil {
		return nil, err
	}
	return out, read.done()
}

// lendDictionary gives p the dictionary that the page at an offset needs, if any.
func (v *Vectors) lendDictionary(p *pageReader, offset int64) error {
	p.at = offset
	h, _, err := p.header()
	if err != nil || h.encoding != plainDictionary && h.encoding != runsOfDictionary {
		return err
	}
	key := pageKey{v, p.group, dictionaryKey}
	if kept := v.cache.get(key); kept != nil { // used for good: its memory is not used again
		p.dict = kept.data
	} else {
		if p.at = p.chunk.Start; p.at < offset {
			if err := p.readFirst(); err != nil {
				return err
			}
		}
		v.cache.put(key, p.dict)
	}
	p.hasDict = p.dict != nil
	return nil
}

// dictionaryKey stands for the dictionary among the pages that are kept.
const dictionaryKey = -1

// prove walks the levels of a page that begins with a known value, and compares its checksum.
func (v *Vectors) prove(p *pageReader, pg *page, t *table, at *pageAt) error {
	if t.valid == nil {
		w := v.walker(p.group)
		per := int64(v.per())
		counted := &table{}
		w.sink = &tableSink{w: w, table: counted}
		w.rows, w.have = (at.before+per-1)/per, int(at.before%per)
		w.open = w.have > 0
		end := at.before + at.n
		if err := w.page(p, pg); err != nil || counted.values != at.n || counted.valid != nil ||
			w.rows != (end+per-1)/per || end%per != int64(w.have)%per {
			return errHeads // a walk through all pages knows which row it is
		}
	}
	if pg.body == nil && pg.hasSum {
		if err := p.load(pg); err != nil {
			return err
		}
	} else if pg.body == nil && pg.bodySize < at.n*int64(p.wordSize) && pg.encoding == plain {
		return p.damaged("a page has fewer values than its levels say")
	}
	at.note(p, pg)
	return nil
}

package parquet

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// sink takes what the levels of a chunk tell: rows that are null, and stored values, in the order
// of the file.
type sink interface {
	// nulls takes n null rows, the first of which is a row of the group.
	nulls(row int64, n int) error
	// stored takes n values.
	stored(n int) error
}

// walker proves from levels that every row of a group has one number of values or is null.
type walker struct {
	v     *Vectors
	group int
	first int64 // row of the file that is the group's first
	limit int64 // rows of the group
	per   int   // values of a row, 0 if that is still to be found
	rows  int64 // rows begun
	have  int   // values of the row that was begun last
	open  bool  // which is not null
	sink  sink
}

// page walks the levels of one page.
func (w *walker) page(p *pageReader, pg *page) error {
	n := int(pg.n)
	rep := newRuns(pg.rep, widthOf(p.leaf.MaxRep), n)
	def := newRuns(pg.def, widthOf(p.leaf.MaxDef), n)
	var r, d uint32
	repeat, define := 0, 0
	for left := n; left > 0; {
		var err error
		if repeat == 0 {
			if r, repeat, err = rep.next(left); err != nil {
				return p.damaged("%v", err)
			}
		}
		if define == 0 {
			if d, define, err = def.next(left); err != nil {
				return p.damaged("%v", err)
			}
		}
		both := min(repeat, define)
		if err := w.run(int(r), int(d), both); err != nil {
			return err
		}
		repeat -= both
		define -= both
		left -= both
	}
	return nil
}

// run takes n entries of one repetition and one definition level.
func (w *walker) run(r, d, n int) error {
	leaf := w.v.leaf
	if r > leaf.MaxRep || d > leaf.MaxDef {
		return w.damaged("levels above the highest")
	}
	if r == 0 {
		if err := w.close(); err != nil {
			return err
		}
		if w.rows += int64(n); w.rows > w.limit {
			return w.damaged("more rows than the row group's %d", w.limit)
		}
		return w.begin(d, n)
	}
	switch {
	case !w.open && w.rows > 0 && d < w.v.repeatedDef-1:
		return nil // DuckDB writes a null ARRAY as a null for each of its numbers
	case !w.open || d < w.v.repeatedDef:
		return w.damaged("row %d goes on, but is null or empty", w.first+w.rows-1)
	case d < leaf.MaxDef:
		return w.nullNumber()
	}
	if w.have += n; w.per > 0 && w.have > w.per {
		return w.ragged(w.rows-1, fmt.Sprintf("more than %d", w.per))
	} else if w.have > w.v.f.limits.List {
		return w.v.f.exceeded(w.v.f.place(w.group, leaf.Name()), "the length of a list", "list",
			int64(w.have), int64(w.v.f.limits.List))
	}
	return w.sink.stored(n)
}

// begin takes n rows of which each begins with one entry of definition level d.
func (w *walker) begin(d, n int) error {
	from := w.rows - int64(n)
	leaf := w.v.leaf
	switch {
	case d == leaf.MaxDef:
		w.open, w.have = true, 1
		if n > 1 {
			if w.per == 0 {
				w.per = 1
			}
			if w.per != 1 {
				return w.ragged(from, "1")
			}
		}
		return w.sink.stored(n)
	case leaf.MaxRep > 0 && d >= w.v.repeatedDef:
		w.rows, w.have = from+1, 0
		return w.nullNumber()
	case leaf.MaxRep > 0 && d == w.v.repeatedDef-1:
		return fault.At(fault.InvalidVector, op, w.first+from, -1,
			fmt.Sprintf("%s: column %q: row %d has no numbers", w.v.f.name, w.v.name, w.first+from),
			"every vector needs at least one number; make the row null")
	}
	w.open = false
	return w.sink.nulls(from, n)
}

// close ends the row that was begun last.
func (w *walker) close() error {
	if !w.open || w.have == w.per {
		return nil
	}
	if w.per == 0 {
		w.per = w.have
		return nil
	}
	return w.ragged(w.rows-1, fmt.Sprint(w.have))
}

// finish ends the group.
func (w *walker) finish() error {
	if err := w.close(); err != nil {
		return err
	}
	if w.rows != w.limit {
		return w.damaged("%d rows, the row group has %d", w.rows, w.limit)
	}
	return nil
}

func (w *walker) damaged(format string, args ...any) error {
	return w.v.f.damaged(w.group, w.v.leaf.Name(), format, args...)
}

// ragged is the error of a row of the group with another number of values.
func (w *walker) ragged(row int64, have string) error {
	row += w.first
	return fault.At(fault.InvalidVector, op, row, -1,
		fmt.Sprintf("%s: column %q: row %d has %s dimensions, the vectors have %d", w.v.f.name,
			w.v.name, row, have, w.per), "all vectors need one length")
}

func (w *walker) nullNumber() error {
	row := w.first + w.rows - 1
	return fault.At(fault.InvalidVector, op, row, int64(w.have),
		fmt.Sprintf("%s: column %q: row %d has a null at dimension %d", w.v.f.name, w.v.name, row,
			w.have), "every number must be there; make the whole row null")
}

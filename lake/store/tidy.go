package store

import (
	"context"

	"github.com/ruvector/ruvector-arrow/fault"
)

// tidy copies all rows into one block when changes have left much more memory than rows need, or
// many small pieces.
//
// Errors: Cancelled, OutOfMemory.
func (ch *change) tidy(ctx context.Context) error {
	w := ch.form.width()
	rows, held := 0, map[*block]bool{}
	for _, p := range ch.pieces {
		rows += p.n
		held[p.block] = true
	}
	bytes := 0
	for k := range held {
		if k != ch.tail.block {
			bytes += len(k.mem)
		}
	}
	most := pieceRows(ch.form)
	if bytes <= 2*rows*w+4*pieceBytes && len(ch.pieces) <= 64+2*rows/most {
		return nil
	}
	all, err := ch.block(rows)
	if err != nil {
		return err
	}
	var pieces []*piece
	var last *piece
	at := 0
	for _, p := range ch.pieces {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		copy(all.mem[at*w:], p.block.mem[p.from*w:(p.from+p.n)*w])
		for row := range p.n {
			if last == nil || last.n == most {
				last = &piece{key: len(pieces), block: all, from: at}
				pieces = append(pieces, last)
			}
			last.addID(ch.old.ids, p.name(row))
			last.n++
			at++
		}
	}
	ch.pieces, ch.tail, ch.moved = pieces, tail{}, true
	return nil
}

package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// tail is a block that has room for rows to come. Rows of it that a state shows are not written to
// any more.
type tail struct {
	block     *block
	rows, cap int
}

// drop lets go of the block.
func (t *tail) drop() {
	if t.block != nil {
		t.block.buffer.Release()
	}
	*t = tail{}
}

// Most and least bytes of a block for rows to come.
const (
	leastTail = 16 << 10
	mostTail  = 64 << 20
)

// Append adds rows of ids that the collection does not have. All of them are added or none.
//
// Errors: UnknownCollection; DuplicateID naming the first id that is there already;
// DimensionMismatch and InvalidArgument for vectors and ids of another type than those there; those
// of Put.
func (b *Local) Append(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column,
) error {
	_, err := b.merge(ctx, collection, ids, vectors, false)
	return err
}

// Upsert is Append where rows of ids that are there are replaced, in their place, and a collection
// that is not there is made. It returns how many rows were replaced.
func (b *Local) Upsert(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column,
) (replaced int, err error) {
	for {
		replaced, err = b.merge(ctx, collection, ids, vectors, true)
		if fault.KindOf(err) != fault.UnknownCollection {
			return replaced, err
		}
		found, err := b.put(ctx, collection, ids, vectors, true)
		if !found {
			return 0, err
		}
	}
}

// change is a change of a collection under way. What it makes is let go of unless it is published.
type change struct {
	c      *collection
	old    *state
	form   form
	pieces []*piece
	fresh  []*block // made for it
	tail   tail
	moved  bool // pieces have other keys than before
}

// begin starts a change; the caller holds write and calls end.
func (b *Local) begin(collection string) (*change, error) {
	c := b.find(collection)
	if c == nil {
		return nil, unknown(b.id, collection)
	}
	c.write.Lock()
	old := c.use()
	return &change{c: c, old: old, form: old.form, pieces: slices.Clone(old.pieces),
		tail: c.tail}, nil
}

// end lets go of what was used.
func (ch *change) end() {
	for _, k := range ch.fresh {
		k.buffer.Release()
	}
	ch.old.drop()
	ch.c.write.Unlock()
}

// block makes memory for so many rows.
func (ch *change) block(rows int) (*block, error) {
	k, err := newBlock(int64(rows) * int64(ch.form.width()))
	if err == nil {
		ch.fresh = append(ch.fresh, k)
	}
	return k, err
}

// publish makes the pieces the current state.
func (ch *change) publish(b *Local) {
	b.publish(ch.c, &state{form: ch.form, ids: ch.old.ids, pieces: ch.pieces})
	// After the state has begun to use it: the old block may have got its first rows just now.
	if ch.tail.block != ch.c.tail.block {
		if ch.tail.block != nil {
			ch.tail.block.buffer.Retain()
		}
		ch.c.tail.drop()
	}
	ch.c.tail = ch.tail
	if ch.moved {
		ch.c.where = nil
	}
}

// places returns which piece has which id. It is made at the first change.
func (ch *change) places() (map[name]int, error) {
	if ch.c.where != nil {
		return ch.c.where, nil
	}
	where := make(map[name]int, ch.old.rows)
	for _, p := range ch.old.pieces {
		for row := range p.n {
			where[p.name(row)] = p.key
		}
	}
	if len(where) != ch.old.rows {
		return nil, fault.New(fault.DuplicateID, "put",
			fmt.Sprintf("collection %q was put with ids that are used twice", ch.c.name),
			"put it again: ids must be unique")
	}
	ch.c.where = where
	return where, nil
}

// at returns the index of the piece of a key.
func (ch *change) at(key int) int {
	i, _ := slices.BinarySearchFunc(ch.pieces, key, func(p *piece, key int) int { return p.key - key })
	return i
}

// merge is Append and Upsert.
func (b *Local) merge(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column, replace bool,
) (replaced int, err error) {
	if b.find(collection) == nil { // else a bad vector would be named first
		return 0, unknown(b.id, collection)
	}
	in, err := readGiven(ctx, collection, ids, vectors)
	if err != nil || in.ids.Len() == 0 {
		return 0, err
	}
	ch, err := b.begin(collection)
	if err != nil {
		return 0, err
	}
	defer ch.end()
	if err := ch.fit(ctx, in); err != nil {
		return 0, err
	}
	added, known, err := ch.split(in, replace)
	if err != nil {
		return 0, err
	}
	if err := checkShape(collection, int64(ch.old.rows+len(added)), ch.form); err != nil {
		return 0, err
	}
	memory, err := in.copied(ctx, ch.form)
	if err != nil {
		return 0, err
	}
	defer memory.buffer.Release()
	if err := ch.replace(in, memory, known); err != nil {
		return 0, err
	}
	keys, err := ch.add(in, memory, added)
	if err == nil {
		err = ch.tidy(ctx)
	}
	if err != nil {
		return 0, err
	}
	ch.publish(b)
	for i := range keys {
		if ch.c.where != nil {
			ch.c.where[in.name(added[i])] = keys[i]
		}
	}
	return in.ids.Len() - len(added), nil
}

// split tells rows of new ids from those of known ones, gathered by the key of their piece.
func (ch *change) split(in *given, replace bool) (added []int, known map[int][]int, err error) {
	where, err := ch.places()
	if err != nil {
		return nil, nil, err
	}
	known = map[int][]int{}
	for row := range in.ids.Len() {
		key, ok := where[in.name(row)]
		switch {
		case !ok:
			added = append(added, row)
		case replace:
			known[key] = append(known[key], row)
		default:
			return nil, nil, fault.At(fault.DuplicateID, "append", int64(row), -1,
				fmt.Sprintf("collection %q has id %s (row %d) already", in.collection,
					in.ids.Name(int64(row)), row), "upsert replaces rows; nothing was added")
		}
	}
	return added, known, nil
}

// fit compares rows with those that are there, and gives these another type of numbers where that
// of the new ones holds more.
func (ch *change) fit(ctx context.Context, in *given) error {
	if in.form.dim != ch.form.dim {
		return fault.New(fault.DimensionMismatch, "append",
			fmt.Sprintf("collection %q has %s, the new vectors are %s", in.collection, ch.form, in.form),
			"put them into a collection of their own")
	}
	bits := arrow.FIXED_SIZE_BINARY
	if (in.form.number == bits) != (ch.form.number == bits) {
		return fault.New(fault.InvalidArgument, "append",
			fmt.Sprintf("collection %q has %s, the new vectors are %s", in.collection, ch.form, in.form),
			"packed bits and numbers cannot be in one collection")
	}
	if err := in.fitIDs(ch.old.ids); err != nil {
		return err
	}
	rank := func(t arrow.Type) int {
		return slices.Index([]arrow.Type{bits, arrow.UINT8, arrow.FLOAT32, arrow.FLOAT64}, t)
	}
	wanted := in.form.number
	if wanted == arrow.FLOAT64 && in.vectors.FitsFloat32() {
		wanted = arrow.FLOAT32
	}
	if rank(wanted) <= rank(ch.form.number) {
		return nil
	}
	return ch.recast(ctx, wanted)
}

// fitIDs compares the type of new ids with that of those that are there. Numbers that both types
// have are the same ids.
func (in *given) fitIDs(kind arrowidx.IDKind) error {
	if in.kind == kind {
		return nil
	}
	row := int64(0)
	if in.kind != arrowidx.IDString && kind != arrowidx.IDString {
		for row < int64(in.ids.Len()) && int64(in.ids.Number(row)) >= 0 {
			row++
		}
		if row == int64(in.ids.Len()) {
			return nil
		}
	}
	return fault.At(fault.InvalidArgument, "append", row, -1,
		fmt.Sprintf("collection %q has ids of type %s, id %s (row %d) is of type %s", in.collection,
			kind, in.ids.Name(row), row, in.kind), "give ids of the type that the collection has")
}

// recast makes all rows numbers of another type, in one block.
func (ch *change) recast(ctx context.Context, number arrow.Type) error {
	from := ch.form
	arrays := make([]arrow.Array, 0, len(ch.pieces))
	for _, p := range ch.pieces {
		arrays = append(arrays, from.vectors(p.block, p.from, p.n))
	}
	col, err := column.NewColumn(arrays)
	for _, a := range arrays {
		a.Release()
	}
	if err != nil {
		return err
	}
	defer col.Release()
	ch.form.number = number
	all, err := ch.block(ch.old.rows)
	if err != nil {
		return err
	}
	rows := given{vectors: col, form: from}
	if err := rows.write(ctx, all.mem, ch.form); err != nil {
		return err
	}
	at := 0
	for i, p := range ch.pieces {
		own := *p
		own.block, own.from = all, at
		ch.pieces[i], at = &own, at+p.n
	}
	ch.tail = tail{}
	return nil
}

// replace writes new vectors in the place of those of known ids: rows by the key of their piece.
func (ch *change) replace(in *given, memory *block, known map[int][]int) error {
	w := ch.form.width()
	for key, rows := range known {
		i := ch.at(key)
		own := *ch.pieces[i]
		k, err := ch.block(own.n)
		if err != nil {
			return err
		}
		copy(k.mem, own.block.mem[own.from*w:(own.from+own.n)*w])
		own.block, own.from = k, 0
		for _, row := range rows {
			copy(own.vector(ch.form, own.rowOf(in.name(row))), memory.mem[row*w:(row+1)*w])
		}
		ch.pieces[i] = &own
	}
	return nil
}

// add appends rows and returns the key of the piece that each went to.
func (ch *change) add(in *given, memory *block, rows []int) ([]int, error) {
	w, most := ch.form.width(), pieceRows(ch.form)
	keys := make([]int, 0, len(rows))
	var last *piece
	for i, row := range rows {
		if ch.tail.rows == ch.tail.cap {
			want := max(len(rows)-i, min(ch.old.rows/4, mostTail/w), leastTail/w, 1)
			k, err := ch.block(want)
			if err != nil {
				return nil, err
			}
			ch.tail, last = tail{block: k, cap: want}, nil
		}
		if last == nil {
			last = ch.growing()
		}
		if last == nil || last.n == most {
			last = &piece{block: ch.tail.block, from: ch.tail.rows}
			if n := len(ch.pieces); n > 0 {
				last.key = ch.pieces[n-1].key + 1
			}
			ch.pieces = append(ch.pieces, last)
		}
		copy(ch.tail.block.mem[ch.tail.rows*w:], memory.mem[row*w:(row+1)*w])
		last.addID(ch.old.ids, in.name(row))
		last.n++
		ch.tail.rows++
		keys = append(keys, last.key)
	}
	return keys, nil
}

// growing returns a copy of the last piece that rows can be added to, nil if it has another end.
func (ch *change) growing() *piece {
	n := len(ch.pieces)
	if n == 0 {
		return nil
	}
	p := ch.pieces[n-1]
	if p.block != ch.tail.block || p.from+p.n != ch.tail.rows {
		return nil
	}
	own := *p
	ch.pieces[n-1] = &own
	return &own
}

// Delete deletes the rows of the ids and returns how many these are. The other rows keep their
// order. Ids that no row has are an error, and nothing is deleted, unless missing says that they
// are fine; null is such an id.
//
// Errors: UnknownCollection; UnknownID naming the first id that no row has; InvalidArgument for ids
// of another type than those there; OutOfMemory; Cancelled.
func (b *Local) Delete(
	ctx context.Context, collection string, ids arrow.Array, missing bool,
) (int, error) {
	if err := bundle.CheckName(collection); err != nil {
		return 0, err
	}
	asked, err := column.AskedIDs(ids)
	if err != nil {
		return 0, err
	}
	ch, err := b.begin(collection)
	if err != nil {
		return 0, err
	}
	defer ch.end()
	gone, err := ch.find(asked, ids, missing)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	byPiece := map[int]int{}
	for _, key := range gone {
		byPiece[key]++
	}
	for key, n := range byPiece {
		if err := ch.remove(ch.at(key), n, gone); err != nil {
			return 0, err
		}
	}
	ch.pieces = slices.DeleteFunc(ch.pieces, func(p *piece) bool { return p.n == 0 })
	if err := ch.tidy(ctx); err != nil {
		return 0, err
	}
	ch.publish(b)
	for id := range gone {
		delete(ch.c.where, id)
	}
	return len(gone), nil
}

// find returns the asked ids that there are, each with the key of its piece.
func (ch *change) find(asked *arrowidx.IDs, given arrow.Array, missing bool) (map[name]int, error) {
	text := ch.old.ids == arrowidx.IDString
	if (asked.Kind() == arrowidx.IDString) != text && asked.Len() > 0 {
		return nil, fault.New(fault.InvalidArgument, "delete",
			fmt.Sprintf("collection %q has ids of type %s, asked for are %s", ch.c.name, ch.old.ids,
				asked.Kind()), "give ids of the type that the collection has")
	}
	where, err := ch.places()
	if err != nil {
		return nil, err
	}
	gone := map[name]int{}
	for i := range asked.Len() {
		key, ok := 0, false
		var id name
		if text {
			id.text = string(asked.At(int64(i)))
		} else {
			id.number = asked.Number(int64(i))
		}
		// A negative int64 and a large uint64 share bits but are different ids.
		same := text || int64(id.number) >= 0 ||
			(asked.Kind() == arrowidx.IDUint64) == (ch.old.ids == arrowidx.IDUint64)
		if same && given.IsValid(i) {
			key, ok = where[id]
		}
		switch {
		case ok:
			gone[id] = key
		case !missing:
			shown := "null"
			if given.IsValid(i) {
				shown = asked.Name(int64(i))
			}
			return nil, fault.At(fault.UnknownID, "delete", int64(i), -1,
				fmt.Sprintf("collection %q has no row of id %s", ch.c.name, shown),
				"nothing was deleted; say that missing ids are fine")
		}
	}
	return gone, nil
}

// remove makes a piece one without n rows, which are those of the ids.
func (ch *change) remove(at, n int, gone map[name]int) error {
	old := ch.pieces[at]
	k, err := ch.block(old.n - n)
	if err != nil {
		return err
	}
	own := &piece{key: old.key, block: k}
	w := ch.form.width()
	for row := range old.n {
		id := old.name(row)
		if _, ok := gone[id]; ok {
			continue
		}
		copy(k.mem[own.n*w:], old.vector(ch.form, row))
		own.addID(ch.old.ids, id)
		own.n++
	}
	ch.pieces[at] = own
	return nil
}

package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// domainDigest are the first bytes that a digest covers.
const domainDigest = "ruvector-content-v1|"

// digestBlock is how many rows are hashed in one go. It is part of what a digest is.
const digestBlock = 1024

// Digest is the SHA-256 of a collection's ids and vectors in the order of its rows, fed a part at a
// time. It depends on what ids and numbers are, not on how they are stored: neither on how rows are
// cut into parts and chunks, nor on the width of ids, texts' offsets, numbers. What is hashed:
//
//	"ruvector-content-v1|"
//	of every 1,024 rows, and of those at the end that are fewer: the SHA-256 of, for each row,
//	  its id:
//	    00 and the number (8 bytes)                          of a number from 0 on
//	    01 and the number (8 bytes, two's complement)        of a number below 0
//	    02, the bytes of the text (8 bytes), the text        of a text
//	  its vector:
//	    04, dim (4 bytes), the numbers as float32            if float32 holds each of them exactly
//	    08, dim (4 bytes), the numbers as float64            else
//	    00, dim (4 bytes)                                    of a null
//
// All is little-endian. Integers are the numbers that they are, packed bits the bytes that they
// are. A negative zero is not a zero.
//
// Not safe for concurrent use.
type Digest struct {
	blocks hash.Hash // of the domain and the digests of whole blocks
	open   rowHash   // of the rows after them
	rows   int64
}

// NewDigest returns the digest of no rows.
func NewDigest() *Digest {
	d := &Digest{blocks: sha256.New(), open: newRowHash()}
	d.blocks.Write([]byte(domainDigest)) // of a hash never fails
	return d
}

// Rows returns the number of rows so far.
func (d *Digest) Rows() int64 { return d.rows }

// Add is AddContext on all cores, to its end.
func (d *Digest) Add(ids *arrowidx.IDs, vectors *arrowidx.Column) error {
	return d.AddContext(context.Background(), ids, vectors, 0)
}

// AddContext appends rows: those of a column and what they are called. threads: 0 for all cores.
//
// Errors: DimensionMismatch when there are more of one than of the other, Cancelled, and those of a
// column that reads its rows from files. After an error the digest is of no use.
func (d *Digest) AddContext(
	ctx context.Context, ids *arrowidx.IDs, vectors *arrowidx.Column, threads int,
) error {
	rows := vectors.Len()
	if ids.Len() != rows {
		return fault.New(fault.DimensionMismatch, "digest",
			fmt.Sprintf("%d ids of %d vectors", ids.Len(), rows), "every row has an id")
	}
	at := 0
	if begun := int(d.rows % digestBlock); begun > 0 {
		at = min(rows, digestBlock-begun)
		if err := d.addOpen(ids, vectors, 0, at); err != nil {
			return err
		}
	}
	whole := (rows - at) / digestBlock
	if err := d.addBlocks(ctx, ids, vectors, at, whole, arrowidx.Threads(threads)); err != nil {
		return err
	}
	return d.addOpen(ids, vectors, at+whole*digestBlock, rows)
}

// addBlocks appends whole blocks of rows, from a row on.
func (d *Digest) addBlocks(
	ctx context.Context, ids *arrowidx.IDs, vectors *arrowidx.Column, from, blocks, threads int,
) error {
	sums := make([]byte, blocks*sha256.Size)
	workers := make([]*rowHash, threads)
	err := mem.Parallel(ctx, "digest", threads, blocks, func(worker, i int) error {
		if workers[worker] == nil {
			own := newRowHash()
			workers[worker] = &own
		}
		begin := from + i*digestBlock
		workers[worker].add(ids, vectors, begin, begin+digestBlock)
		workers[worker].sum(sums[i*sha256.Size:])
		return nil
	})
	if err == nil {
		d.blocks.Write(sums)
		d.rows += int64(blocks) * digestBlock
	}
	return err
}

// addOpen appends rows that end no later than the block that they are in.
func (d *Digest) addOpen(
	ids *arrowidx.IDs, vectors *arrowidx.Column, from, end int,
) (err error) {
	defer fault.Caught(&err)
	d.open.add(ids, vectors, from, end)
	d.rows += int64(end - from)
	if end > from && d.rows%digestBlock == 0 {
		var sum [sha256.Size]byte
		d.open.sum(sum[:])
		d.blocks.Write(sum[:])
	}
	return nil
}

// Sum returns the digest of the rows so far as 64 lower-case hex digits; more may follow.
func (d *Digest) Sum() string {
	if d.rows%digestBlock == 0 {
		return hex.EncodeToString(d.blocks.Sum(nil))
	}
	ended, err := d.blocks.(hash.Cloner).Clone()
	if err != nil {
		fault.Raise("digest", err) // it cannot happen: SHA-256 can be copied
	}
	ended.Write(d.open.soFar())
	return hex.EncodeToString(ended.Sum(nil))
}

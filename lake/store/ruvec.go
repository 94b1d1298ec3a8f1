package store

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// A file of the format ruvec1 is a header of 24 bytes (magic, u64 count, u32 dim, u32 that is 0 and
// ignored) and count rows, each a u64 id and dim f32, all little-endian. Nothing follows.
const (
	ruvecMagic  = "ruvec1\x00\x00"
	ruvecHeader = 24
	ruvecExt    = ".ruvec1"
)

// readAhead is about how many bytes of a file are read or written at a time.
const readAhead = 1 << 20

// ruvecShape returns rows and dimensions that a header of a file of so many bytes says.
//
// Errors: BackendError where it is no such header, or says another length than the file has;
// LimitExceeded.
func ruvecShape(head []byte, size int64, path string) (rows, dim int, err error) {
	if len(head) < ruvecHeader || string(head[:8]) != ruvecMagic {
		return 0, 0, fault.New(fault.BackendError, op, path+" is no ruvec1 file",
			"write it with FS.Write, or remove it")
	}
	n, d := binary.LittleEndian.Uint64(head[8:]), uint64(binary.LittleEndian.Uint32(head[16:]))
	hi, bytes := bits.Mul64(n, 8+4*d)
	if hi != 0 || bytes != uint64(size-ruvecHeader) {
		return 0, 0, fault.New(fault.BackendError, op,
			fmt.Sprintf("%s: %d bytes, its header says %d rows of %d dimensions: cut off, or damaged",
				path, size, n, d), "write it again")
	}
	if d == 0 {
		return 0, 0, fault.New(fault.BackendError, op, path+": vectors of no dimensions",
			"write it again")
	}
	if d > backend.MaxDim || n > backend.MaxRows || n*4*d > backend.MaxBytes {
		return 0, 0, fault.New(fault.LimitExceeded, op,
			fmt.Sprintf("%s: %d rows of %d dimensions, at most %d rows, %d dimensions and %d bytes "+
				"are taken", path, n, d, backend.MaxRows, backend.MaxDim, int64(backend.MaxBytes)),
			"split the collection")
	}
	return int(n), int(d), nil
}

// ruvecFill reads rows of a file.
func ruvecFill(
	s *source, dim int,
) func(context.Context, int, int, []byte) (arrow.Array, int, error) {
	width, stride := 4*dim, 8+4*dim
	memory := make([]byte, max(readAhead/stride, 1)*stride)
	return func(_ context.Context, from, n int, dst []byte) (arrow.Array, int, error) {
		ids := make([]uint64, 0, n)
		for len(ids) < n {
			part := memory[:min(n-len(ids), len(memory)/stride)*stride]
			if err := s.read(part, ruvecHeader+int64(from+len(ids))*int64(stride)); err != nil {
				return nil, 0, err
			}
			for ; len(part) > 0; part = part[stride:] {
				copy(dst[len(ids)*width:], part[8:stride])
				ids = append(ids, binary.LittleEndian.Uint64(part))
			}
		}
		return numbers(ids, arrow.PrimitiveTypes.Uint64), n, nil
	}
}

// ruvecWrite writes rows to w.
//
// Errors: those of w; Cancelled.
func ruvecWrite(
	ctx context.Context, w io.Writer, ids *arrowidx.IDs, vectors []float32, dim int,
) error {
	to := bufio.NewWriterSize(w, readAhead)
	head := make([]byte, 0, ruvecHeader)
	head = append(head, ruvecMagic...)
	head = binary.LittleEndian.AppendUint64(head, uint64(ids.Len()))
	head = binary.LittleEndian.AppendUint32(head, uint32(dim))
	head = binary.LittleEndian.AppendUint32(head, 0)
	if _, err := to.Write(head); err != nil {
		return err
	}
	var id [8]byte
	for row := range ids.Len() {
		if row%1024 == 0 {
			if err := fault.FromContext(ctx, "write"); err != nil {
				return err
			}
		}
		binary.LittleEndian.PutUint64(id[:], ids.Number(int64(row)))
		if _, err := to.Write(id[:]); err != nil {
			return err
		}
		vector := arrow.Float32Traits.CastToBytes(vectors[row*dim : (row+1)*dim])
		if _, err := to.Write(vector); err != nil {
			return err
		}
	}
	return to.Flush()
}

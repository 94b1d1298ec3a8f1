//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	arrowarray "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
)

// values copies an rv_values into an Arrow array: ids are looked up more than once, whatever their
// owner writes meanwhile.
func values(op string, p *C.rv_values) (ids arrow.Array, err error) {
	err = guard.Reading(op, "the memory of the ids", func() error {
		ids, err = readValues(op, p)
		return err
	})
	return ids, err
}

// readIDs returns the ids of rows; none where there is no rv_values.
func readIDs(op string, p *C.rv_values) (*arrowidx.IDs, error) {
	if p == nil {
		return nil, nil
	}
	given, err := values(op, p)
	if err != nil {
		return nil, err
	}
	return arrowidx.NewIDs(given)
}

func readValues(op string, p *C.rv_values) (arrow.Array, error) {
	if p == nil || p.n < 0 || p.format == nil || p.n > 0 && p.data == nil {
		return nil, invalid(op, "ids without their data", "")
	}
	n := product(int64(p.n), 8) / 8
	form := C.GoString(p.format)
	var data *arrowarray.Data
	switch form {
	case "l", "L":
		numbers := memory.NewBufferBytes(bytes.Clone(viewAt[byte](p.data, 8*n)))
		kind := arrow.DataType(arrow.PrimitiveTypes.Int64)
		if form == "L" {
			kind = arrow.PrimitiveTypes.Uint64
		}
		data = arrowarray.NewData(kind, int(n), []*memory.Buffer{nil, numbers}, nil, 0, 0)
	case "U":
		if p.offsets == nil || p.len < 0 {
			return nil, invalid(op, "texts without offsets", "")
		}
		cuts, err := checkedOffsets(op, p, n)
		if err != nil {
			return nil, err
		}
		offsets := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(cuts))
		text := memory.NewBufferBytes(bytes.Clone(viewAt[byte](p.data, int64(p.len))))
		data = arrowarray.NewData(arrow.BinaryTypes.LargeString, int(n),
			[]*memory.Buffer{nil, offsets, text}, nil, 0, 0)
	default:
		return nil, invalid(op, "ids of format "+form, "use l, L or U")
	}
	defer data.Release()
	return arrowarray.MakeFromData(data), nil
}

// checkedOffsets copies the n+1 offsets of texts.
func checkedOffsets(op string, p *C.rv_values, n int64) ([]int64, error) {
	cuts, last := slices.Clone(view[int64](p.offsets, n+1)), int64(0)
	for i, at := range cuts {
		if at < last || at > int64(p.len) {
			return nil, invalid(op, fmt.Sprintf("offset %d of text %d, %d bytes in all", at, i,
				int64(p.len)), "offsets begin at 0 or above and never shrink")
		}
		last = at
	}
	return cuts, nil
}

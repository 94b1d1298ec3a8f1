//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// cellsAtOnce is how many cells one unit of parallel work has.
	cellsAtOnce = 1024
	// otherCell stands for a cell that is not like the others.
	otherCell = ^uint64(0)
)

// cellLayout says where the words of an array object lie, and what is wanted there.
type cellLayout struct {
	kind, data, base, axes, sizes, dtype, flags uint64 // words, counted from the object's start
	null, wantedKind, wantedBase, wantedDtype   uint64 // null is the object that stands for none
	width, wantedFlags                          uint64
}

// numbers returns where the numbers of an array lie, 0 for null, otherCell for another object; and
// whether its base is the wanted one.
func (l *cellLayout) numbers(cell *uint64) (uint64, bool) {
	if address(cell) == l.null {
		return 0, true
	}
	head := view[uint64](cell, int64(max(l.kind, l.data, l.base, l.axes, l.sizes, l.dtype,
		l.flags))+1)
	if head[l.kind] != l.wantedKind || uint32(head[l.axes]) != 1 ||
		head[l.dtype] != l.wantedDtype || head[l.flags]&l.wantedFlags != l.wantedFlags {
		return otherCell, false
	}
	if size := pointerIn(&head[l.sizes]); size == nil || *size != l.width {
		return otherCell, false
	}
	return head[l.data], head[l.base] == l.wantedBase
}

//export goArrayRows
func goArrayRows(
	objects *C.uint64_t, n C.int64_t, layout, out *C.uint64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "cells", func(*guard.Scope) error {
		if n < 0 || layout == nil || out == nil || n > 0 && objects == nil {
			return invalid("cells", "cells without their data", "")
		}
		l := view[cellLayout](layout, 1)[0]
		cells, data := view[*uint64](objects, int64(n)), view[uint64](out, int64(n)+1)
		units := (len(cells) + cellsAtOnce - 1) / cellsAtOnce
		one := make([]bool, units) // base
		err := mem.Parallel(context.Background(), "cells", mem.Threads(0), units,
			func(_, u int) error {
				one[u] = true
				for i := u * cellsAtOnce; i < min((u+1)*cellsAtOnce, len(cells)); i++ {
					var same bool
					data[i], same = l.numbers(cells[i])
					one[u] = one[u] && same
				}
				return nil
			})
		data[n] = 1
		for _, same := range one {
			if !same {
				data[n] = 0
			}
		}
		return err
	})
}

//export goGather
func goGather(
	rows *C.uint64_t, n, size C.int64_t, out *C.uint8_t, e *C.rv_error,
) C.int32_t {
	return door(e, "gather", func(*guard.Scope) error {
		if n < 0 || size < 0 || n > 0 && size > 0 && (rows == nil || out == nil) {
			return invalid("gather", fmt.Sprintf("%d rows of %d bytes", n, size), "")
		}
		width := int(size)
		from, to := view[*byte](rows, int64(n)), view[byte](out, product(int64(n), int64(size)))
		units := (len(from) + cellsAtOnce - 1) / cellsAtOnce
		return mem.Parallel(context.Background(), "gather", mem.Threads(0), units,
			func(_, u int) error {
				for i := u * cellsAtOnce; i < min((u+1)*cellsAtOnce, len(from)); i++ {
					row := to[i*width : (i+1)*width]
					if from[i] == nil {
						clear(row)
					} else {
						copy(row, view[byte](from[i], int64(width)))
					}
				}
				return nil
			})
	})
}

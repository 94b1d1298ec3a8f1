//go:build cshared

// Command cabi is the shared library: the functions of ruvector.h over the Go packages. It holds
// no algorithm. Every function is a door of three parts: guard and handle look-up, one call of the
// engine, the error.
package main

/*
#include "shim.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	outside "github.com/ruvector/ruvector-arrow/lake/foreign"
	"github.com/ruvector/ruvector-arrow/lake/parquet"
	"github.com/ruvector/ruvector-arrow/lake/score"
	"github.com/ruvector/ruvector-arrow/simd"
	"github.com/ruvector/ruvector-arrow/text"
	"github.com/ruvector/ruvector-arrow/text/chunk"
)

func main() {}

// version is set by the linker.
var version = "unversioned"

// table holds every handle of the process.
var table handle.Table

// door runs one function of the interface and turns its error into C's.
func door(e *C.rv_error, op string, f func(*guard.Scope) error) C.int32_t {
	if short.Load() != 0 {
		calm()
	}
	return fail(e, guard.Call(&table, op, f))
}

func fail(e *C.rv_error, err error) C.int32_t {
	if err == nil {
		return 0
	}
	row, column := int64(-1), int64(-1)
	var known *arrowidx.Error
	if errors.As(err, &known) {
		row, column = known.Row, known.Column
	}
	kind := setError(e, int32(arrowidx.KindOf(err)), row, column, err.Error())
	if code := codeOf(err); code != 0 {
		C.rvi_set_code(e, C.int32_t(code))
	}
	return kind
}

// codeOf returns the code of an rv_error: errno, or what an adapter calls its failure.
func codeOf(err error) int32 {
	var said *outside.Failure
	if errors.As(err, &said) {
		return said.Code
	}
	var code syscall.Errno
	if errors.As(err, &code) {
		return int32(code)
	}
	return 0
}

func invalid(op, msg, fix string) error {
	return &arrowidx.Error{Kind: arrowidx.InvalidArgument, Op: op, Msg: msg, Fix: fix, Row: -1,
		Column: -1}
}

// defaultGCPercent suits a small Go heap beside large memory that the collector does not see.
const defaultGCPercent = 400

// unchanged is the number of rv_settings that leaves what is.
const unchanged = -1

// configured runs at the first rv_configure; later ones leave alone what they do not name.
var configured sync.Once

//export goConfigure
func goConfigure(p *C.rv_settings, e *C.rv_error) C.int32_t {
	return door(e, "configure", func(*guard.Scope) error {
		if p == nil || p.size < C.sizeof_rv_settings {
			return invalid("configure", "settings of an older version", "")
		}
		if p.simd != nil {
			tier, err := simd.ParseTier(C.GoString(p.simd))
			if err == nil {
				err = simd.SetTier(tier)
			}
			if err != nil {
				return invalid("configure", err.Error(), "")
			}
		}
		if p.threads != unchanged {
			arrowidx.SetThreads(int(p.threads))
		}
		configured.Do(func() {
			debug.SetGCPercent(defaultGCPercent)
			arrowidx.WatchMemory(short)
			C.rvi_hold_reserve()
			makeThreads()
		})
		if p.gc_percent != unchanged {
			debug.SetGCPercent(int(p.gc_percent))
		}
		return nil
	})
}

// columnInfo is what rv_info tells of a column.
type columnInfo struct {
	Rows    int    `json:"rows"`
	Dim     int    `json:"dim"`
	Nulls   int    `json:"nulls"`
	Type    string `json:"type"`
	Chunks  int    `json:"chunks"`
	Address uint64 `json:"address"` // of a contiguous float32 matrix without nulls, else 0
	Wide    bool   `json:"wide"`    // some numbers are float64
	Makers  makers `json:"makers"`  // of vectors in files, else null
}

// indexInfo is what rv_info tells of an index.
type indexInfo struct {
	arrowidx.Info
	SourceAddress uint64 `json:"source_address"` // of the first float32 read, else 0
	// Poisoned says what went wrong in a way it must not: the index can be saved, not searched.
	Poisoned string `json:"poisoned"`
	Wide     bool   `json:"wide"` // some vectors are float64
}

// libraryInfo is what rv_info tells of the library.
type libraryInfo struct {
	Version   string   `json:"version"`
	Tier      string   `json:"tier"`
	Available []string `json:"available"`
	Features  []string `json:"features"`
	Threads   int      `json:"threads"`
	Live      int64    `json:"live_structs"`
	Handles   int      `json:"handles"`
}

//export goInfo
func goInfo(h C.rv_handle, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "info", func(s *guard.Scope) error {
		if out == nil {
			return invalid("info", "no place for the answer", "")
		}
		info, err := describe(s, uint64(h))
		if err != nil {
			return err
		}
		b, err := json.Marshal(info)
		if err != nil {
			return err
		}
		return memoryError("info", setBytes(out, b, nil))
	})
}

func describe(s *guard.Scope, h uint64) (any, error) {
	if h == 0 {
		info := libraryInfo{
			Version: version, Tier: simd.Active().String(), Features: simd.Features(),
			Threads: arrowidx.Threads(0), Live: int64(C.rv_live()), Handles: table.Len(),
		}
		for _, t := range simd.Available() {
			info.Available = append(info.Available, t.String())
		}
		return info, nil
	}
	ref, err := s.AcquireDamaged(h, handle.Any)
	if err != nil {
		return nil, err
	}
	switch v := ref.Value().(type) {
	case *arrowidx.Column:
		info := columnInfo{Rows: v.Len(), Dim: v.Dim(), Nulls: v.NullCount(), Type: v.DataType(),
			Chunks: v.Chunks(), Wide: v.Wide()}
		if m, ok := v.Contiguous(); ok && len(m) > 0 {
			info.Address = address(&m[0])
		}
		if pages, ok := v.Pager().(*parquet.Pages); ok {
			info.Makers = makersOf(pages.Makers())
		}
		return info, nil
	case *arrowidx.Index:
		return indexInfo{v.Info(), address(v.SourceFloats()), ref.Poisoned(), v.Wide()}, nil
	case *arrowidx.Encoding:
		return map[string]int64{"bytes": v.Size()}, nil
	case *parquet.Set:
		return describeSet(v), nil
	case *text.WordIndex:
		return v.Info(), nil
	case *text.Texts:
		return map[string]int{"rows": v.Len()}, nil
	case *chunk.Cut:
		asked, chunks, headings := v.Counts()
		return map[string]int{"asked": asked, "chunks": chunks, "headings": headings}, nil
	case *score.Right:
		return map[string][]string{"names": v.Names()}, nil
	case *scoredPart:
		return scoringInfo{v.part.Rows(), v.part.FirstRow(), v.part.Dim(), v.part.BatchRows(),
			v.part.Schema()}, nil
	case *task.Task:
		return map[string]bool{"ended": v.Wait(0)}, nil
	}
	return nil, invalid("info", "nothing is known of this handle", "")
}

// memoryError explains a kind that C returned.
func memoryError(op string, kind C.int32_t) error {
	if kind == 0 {
		return nil
	}
	return &arrowidx.Error{Kind: arrowidx.ErrorKind(kind), Op: op,
		Msg: "no memory for the answer", Row: -1, Column: -1}
}

//export goFree
func goFree(h C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "free", func(*guard.Scope) error { return table.Free(uint64(h)) })
}

package build

import (
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Options says how to build. The zero value is cosine, auto kind, 5 bits (8 with KeepNone),
// borrowed vectors, recall target 0.95, nulls and bad rows rejected.
type Options struct {
	Metric column.Metric
	Kind   segment.Kind
	// Bits is 1 to 9 bits per dimension of codes; 0: 8 where no vectors are kept, else 5, or 4 where
	// copies are made.
	Bits int
	// Cells is the number of cells of kind ivf, at most one a row; 0: by the number of rows.
	Cells  int
	Keep   segment.Keep
	Recall float64 // default recall target of searches; 0 means 0.95
	Nulls  NullPolicy
	Bad    BadPolicy
	Seed   uint64 // of the rotation
	// Threads limits this build; 0 means the default of SetThreads. The index does not depend
	// on it.
	Threads int
	IDs     *column.IDs // nil: positions
	// Budget is the most memory in bytes that the build may allocate, the finished index
	// included; 0 means no limit. A budget that is too small is LimitExceeded, which names the
	// smallest that works.
	Budget int64
	// Copies says which rows of kind ivf have second codes: see CopyPolicy.
	Copies CopyPolicy
	// Provenance is kept with the index and in its files: where the vectors came from, in UTF-8,
	// at most MaxProvenance bytes. This package does not read it.
	Provenance string
	// Progress, if set, is updated while the build runs.
	Progress *Progress

	fewer bool // how many bits was not said, and vectors are kept: see MayTakeFewerBits
}

// MayTakeFewerBits reports, after Resolve, whether rows may have fewer bits than Bits.
func (o *Options) MayTakeFewerBits() bool { return o.fewer }

// MaxProvenance is the longest provenance in bytes.
const MaxProvenance = 1 << 20

// CheckProvenance refuses what cannot be kept in a file.
func CheckProvenance(op, text string) error {
	if len(text) > MaxProvenance || !utf8.ValidString(text) {
		return fault.New(fault.InvalidArgument, op, "provenance is not UTF-8 of at most 1 MiB", "")
	}
	return nil
}

// NullPolicy says what a null row does to a build.
type NullPolicy uint8

// The policies.
const (
	RejectNulls NullPolicy = iota // a null row is an error
	SkipNulls                     // a null row keeps its position and is never found
)

// BadPolicy says what a row does to a build that holds NaN, infinity, a number outside float32, or
// a square norm out of range.
type BadPolicy uint8

// The policies for bad rows.
const (
	RejectBad BadPolicy = iota // a bad row is an error that names row and column
	SkipBad                    // a bad row is treated as null
)

// CopyPolicy says which rows of kind ivf have a second code, in the cell in which they would lie
// next to their own, so that searches for high recall look into fewer cells.
type CopyPolicy uint8

// The policies. Metric dot, codes of one bit, vectors that are not in memory and builds within a
// budget have no copies.
const (
	CopyWhereItPays CopyPolicy = iota // most rows, if calibration says that it saves enough
	CopyAll                           // all rows
	CopyNone                          // no row
)

// Progress counts the work of a running operation. Safe for concurrent use.
type Progress struct {
	Total, Stages                                   atomic.Int64
	Scanned, trained, assigned, encoded, Calibrated atomic.Int64
}

// Done returns the rows finished and the rows in all. Every stage of a build counts each row once
// and has an equal share: reading and coding for kinds exact and flat, for ivf also training,
// assigning and calibrating.
func (p *Progress) Done() (done, total int64) {
	sum := p.Scanned.Load() + p.trained.Load() + p.assigned.Load() + p.encoded.Load() +
		p.Calibrated.Load()
	return sum / max(p.Stages.Load(), 1), p.Total.Load()
}

// Resolve fills in defaults and refuses what cannot be built.
func (o *Options) Resolve(col *column.Column) error {
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	o.Progress.Total.Store(int64(col.Len()))
	if o.Metric > column.Jaccard {
		return fault.New(fault.MetricError, "build", fmt.Sprintf("unknown metric %d", o.Metric), "")
	}
	if o.Recall == 0 {
		o.Recall = 0.95
	}
	if !(o.Recall > 0 && o.Recall <= 1) {
		return fault.New(fault.InvalidArgument, "build",
			fmt.Sprintf("recall target %v is not in (0, 1]", o.Recall), "use for example 0.95")
	}
	if o.Keep == segment.KeepAuto {
		o.Keep = segment.KeepBorrow
	}
	if err := o.resolveKind(col.Len()); err != nil {
		return err
	}
	o.Progress.Stages.Store(2)
	if o.Kind == segment.IVF {
		o.Progress.Stages.Store(5)
	}
	if err := CheckProvenance("build", o.Provenance); err != nil {
		return err
	}
	if o.IDs == nil {
		o.IDs = column.PositionIDs(col.Len())
	}
	if o.IDs.Len() != col.Len() {
		return fault.New(fault.InvalidArgument, "build",
			fmt.Sprintf("%d ids for %d rows", o.IDs.Len(), col.Len()), "give one id a row")
	}
	return nil
}

func (o *Options) resolveKind(rows int) error {
	if o.Metric.Binary() {
		if err := o.resolveBits(); err != nil {
			return err
		}
	}
	if o.Kind == segment.Auto {
		switch {
		case rows <= segment.AutoExactRows && o.Keep != segment.KeepNone:
			o.Kind = segment.Exact
		case rows <= segment.AutoFlatRows:
			o.Kind = segment.Flat
		default:
			o.Kind = segment.IVF
		}
	}
	if o.Kind == segment.Exact {
		if o.Keep == segment.KeepNone {
			return fault.New(fault.InvalidArgument, "build", "kind exact searches the vectors themselves",
				"use keep='borrow' or 'copy', or kind='flat'")
		}
		o.Bits = 0
		return nil
	}
	if o.Kind != segment.Flat && o.Kind != segment.IVF {
		return fault.New(fault.InvalidArgument, "build", fmt.Sprintf("unknown kind %d", o.Kind), "")
	}
	if o.Bits == 0 {
		o.Bits, o.fewer = 5, true
		if o.Keep == segment.KeepNone {
			o.Bits, o.fewer = 8, false
		}
	}
	if o.Cells < 0 || o.Budget < 0 {
		return fault.New(fault.InvalidArgument, "build",
			fmt.Sprintf("cells %d, budget %d", o.Cells, o.Budget), "use 0 for the default")
	}
	if o.Bits < 1 || o.Bits > 9 {
		return fault.New(fault.InvalidArgument, "build", fmt.Sprintf("%d bits per dimension", o.Bits),
			"use 1 to 9")
	}
	return nil
}

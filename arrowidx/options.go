package arrowidx

import (
	"fmt"
	"sync/atomic"
	"unicode/utf8"
)

// BuildOptions says how to build. The zero value is cosine, auto kind, 5 bits (8 with KeepNone),
// borrowed vectors, recall target 0.95, nulls and bad rows rejected.
type BuildOptions struct {
	Metric Metric
	Kind   Kind
	Bits   int // 1 to 9 bits a dimension of codes; 0: 5 when vectors are kept, else 8
	// Cells is the number of cells of kind ivf, at most one a row; 0: by the number of rows.
	Cells  int
	Keep   Keep
	Recall float64 // default recall target of searches; 0 means 0.95
	Nulls  NullPolicy
	Bad    BadPolicy
	Seed   uint64 // of the rotation
	// Threads limits this build; 0 means the default of SetThreads. The index does not depend
	// on it.
	Threads int
	IDs     *IDs // nil: positions
	// Budget is the most memory in bytes that the build may allocate, the finished index
	// included; 0 means no limit. A budget that is too small is LimitExceeded, which names the
	// smallest that works.
	Budget int64
	// Provenance is kept with the index and in its files: where the vectors came from, in UTF-8,
	// at most MaxProvenance bytes. This package does not read it.
	Provenance string
	// Progress, if set, is updated while the build runs.
	Progress *Progress
}

// MaxProvenance is the longest provenance in bytes.
const MaxProvenance = 1 << 20

// Progress counts the work of a running operation. Safe for concurrent use.
type Progress struct {
	total, stages                                   atomic.Int64
	scanned, trained, assigned, encoded, calibrated atomic.Int64
}

// Done returns the rows finished and the rows in all. Every stage of a build counts each row once
// and has an equal share: reading and coding for kinds exact and flat, for ivf also training,
// assigning and calibrating.
func (p *Progress) Done() (done, total int64) {
	sum := p.scanned.Load() + p.trained.Load() + p.assigned.Load() + p.encoded.Load() +
		p.calibrated.Load()
	return sum / max(p.stages.Load(), 1), p.total.Load()
}

// resolve fills in defaults and refuses what cannot be built.
func (o *BuildOptions) resolve(col *Column) error {
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	o.Progress.total.Store(int64(col.rows))
	if o.Metric > Jaccard {
		return newError(MetricError, "build", fmt.Sprintf("unknown metric %d", o.Metric), "")
	}
	if o.Recall == 0 {
		o.Recall = 0.95
	}
	if !(o.Recall > 0 && o.Recall <= 1) {
		return newError(InvalidArgument, "build",
			fmt.Sprintf("recall target %v is not in (0, 1]", o.Recall), "use for example 0.95")
	}
	if o.Keep == KeepAuto {
		o.Keep = KeepBorrow
	}
	if err := o.resolveKind(col.rows); err != nil {
		return err
	}
	o.Progress.stages.Store(2)
	if o.Kind == IVF {
		o.Progress.stages.Store(5)
	}
	if len(o.Provenance) > MaxProvenance || !utf8.ValidString(o.Provenance) {
		return newError(InvalidArgument, "build", "provenance is not UTF-8 of at most 1 MiB", "")
	}
	if o.IDs == nil {
		o.IDs = PositionIDs(col.rows)
	}
	if o.IDs.Len() != col.rows {
		return newError(InvalidArgument, "build",
			fmt.Sprintf("%d ids for %d rows", o.IDs.Len(), col.rows), "give one id a row")
	}
	return nil
}

func (o *BuildOptions) resolveKind(rows int) error {
	if o.Metric.Binary() {
		if err := o.resolveBits(); err != nil {
			return err
		}
	}
	if o.Kind == Auto {
		switch {
		case rows <= AutoExactRows && o.Keep != KeepNone:
			o.Kind = Exact
		case rows <= AutoFlatRows:
			o.Kind = Flat
		default:
			o.Kind = IVF
		}
	}
	if o.Kind == Exact {
		if o.Keep == KeepNone {
			return newError(InvalidArgument, "build", "kind exact searches the vectors themselves",
				"use keep='borrow' or 'copy', or kind='flat'")
		}
		o.Bits = 0
		return nil
	}
	if o.Kind != Flat && o.Kind != IVF {
		return newError(InvalidArgument, "build", fmt.Sprintf("unknown kind %d", o.Kind), "")
	}
	if o.Bits == 0 {
		o.Bits = 5
		if o.Keep == KeepNone {
			o.Bits = 8
		}
	}
	if o.Cells < 0 || o.Budget < 0 {
		return newError(InvalidArgument, "build",
			fmt.Sprintf("cells %d, budget %d", o.Cells, o.Budget), "use 0 for the default")
	}
	if o.Bits < 1 || o.Bits > 9 {
		return newError(InvalidArgument, "build", fmt.Sprintf("%d bits a dimension", o.Bits),
			"use 1 to 9")
	}
	return nil
}

// defaultEpsilon is what the default recall target asks for.
const defaultEpsilon = 1.9

// maxEpsilon keeps every product with an error bound inside float32.
const maxEpsilon = 1 << 20

// epsilonFor is the fixed table from a recall target to the width of error bounds; 0 means that
// the target asks for an exact scan.
func epsilonFor(recall float64) float64 {
	switch {
	case recall <= 0.90:
		return 1.6
	case recall <= 0.95:
		return defaultEpsilon
	case recall <= 0.99:
		return 2.4
	}
	return 0
}

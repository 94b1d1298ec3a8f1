package arrowidx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Info is what an index tells about itself.
type Info struct {
	Kind          string  `json:"kind"`
	Metric        string  `json:"metric"`
	Bits          int     `json:"bits"`
	Rows          int     `json:"rows"`
	Dim           int     `json:"dim"`
	Usable        int     `json:"usable"`
	Nulls         int     `json:"nulls"`
	Bad           int     `json:"bad"`
	Keep          string  `json:"keep"`
	IDKind        string  `json:"id_kind"`
	IndexBytes    int64   `json:"index_bytes"`    // all memory that the index allocated
	BorrowedBytes int64   `json:"borrowed_bytes"` // memory of others that it keeps alive
	Vectors       bool    `json:"vectors"`        // exact distances can be computed
	Epsilon0      float64 `json:"epsilon0"`
	Recall        float64 `json:"recall"`
	Cells         int     `json:"cells"` // 0 for exact, 1 for flat
	Plane         int     `json:"plane"` // bits a dimension that a scan reads
	Calibrated    bool    `json:"calibrated"`
	// Calibration says how each recall target is reached (kind ivf), by rising target.
	Calibration []CalibrationPoint `json:"calibration"`
	RowBytes    int                `json:"row_bytes"` // read for every row and query
	Seed        uint64             `json:"seed"`
	Provenance  string             `json:"provenance"`
	Deleted     int                `json:"deleted"` // rows deleted whose memory is still held
	Added       int                `json:"added"`   // rows added since the build
	Tail        int                `json:"tail"`    // of these, rows that lie apart as yet
	Changed     bool               `json:"changed"` // rows were added or deleted: they have no order
	// Drift is the mean residual norm (distance from the mean, for kind ivf from the nearest
	// centroid) of rows added over that of the build; 0: none was added, or it is not known.
	Drift float64 `json:"drift"`
	// Advice says in words when a rebuild or a compaction is due; "": nothing is.
	Advice string `json:"advice"`
}

// Info describes the index. Bytes are counted, not estimated. Of a closed index they
// are those of the build.
func (ix *Index) Info() Info {
	v, err := ix.enter("info")
	if err != nil {
		closed := *ix.base()
		closed.source, closed.raw = nil, nil
		in := closed.info(map[*Column]bool{})
		in.Rows = ix.Len()
		return in
	}
	defer ix.leave(v)
	seen := map[*Column]bool{}
	in := v.parts[0].info(seen)
	for _, p := range v.parts[1:] {
		more := p.info(seen)
		in.Rows += more.Rows
		in.Usable += more.Usable
		in.Nulls += more.Nulls
		in.Bad += more.Bad
		in.Deleted += more.Deleted
		in.IndexBytes += more.IndexBytes
		in.BorrowedBytes += more.BorrowedBytes
		in.Vectors = in.Vectors && more.Vectors
		in.Tail += more.Rows
	}
	in.IDKind, in.Changed = v.names.Kind().String(), v.changed
	in.Drift, in.Added = v.drift.ratio(), v.drift.rows
	in.Advice = v.advice(&in)
	return in
}

// info tells about one segment; the memory of columns that were seen before is not counted again.
func (ix *segment) info(seen map[*Column]bool) Info {
	in := Info{
		Kind: ix.kind.String(), Metric: ix.metric.String(), Bits: ix.bits,
		Rows: ix.rows - ix.deleted, Dim: ix.dim, Usable: ix.usable, Nulls: ix.nulls, Bad: ix.bad,
		Deleted: ix.deleted, Keep: ix.keep.String(), IDKind: ix.ids.Kind().String(),
		Epsilon0: ix.tunedFor(ix.recall, true).Epsilon0, Recall: ix.recall,
		Seed: ix.seed, RowBytes: 4 * ix.dim, Provenance: string(ix.provenance),
	}
	if ix.metric.Binary() {
		in.RowBytes = ix.dim / 8
	}
	bits := len(ix.alive) + len(ix.gone) + len(ix.slots) + len(ix.owner)
	in.IndexBytes = int64(4*bits+4*len(ix.mean)+len(ix.norms.mem)) + ix.ids.bytes()
	in.Cells, in.Plane = ix.cellCount(), min(ix.bits, 1)
	in.Calibrated, in.Calibration = len(ix.tuning) > 0, slices.Clone(ix.tuning)
	if ix.rot != nil {
		in.IndexBytes += int64(4 * len(ix.rot.signs))
	}
	if ix.codes != nil {
		in.IndexBytes += ix.codes.bytes()
		if ix.cells != nil {
			in.IndexBytes += ix.cells.bytes()
		}
		in.RowBytes = ix.codes.stride / simd.BlockRows
	}
	if slots := ix.held.slots.Load(); slots != nil {
		in.IndexBytes += int64(4 * len(*slots))
	}
	in.IndexBytes += ix.remembers()
	in.Vectors = ix.source != nil
	for _, col := range []*Column{ix.source, ix.raw} {
		if col != nil {
			own, borrowed := col.memoryBytes(seen)
			in.IndexBytes += own
			in.BorrowedBytes += borrowed
		}
	}
	return in
}

const (
	// driftWarning is the drift from which on a rebuild is advised, if enough rows were added.
	driftWarning = 1.15
	driftShare   = 100 // one row in so many
	// deadShare of the rows deleted is worth a compaction.
	deadShare = 4
)

// advice says in words what would make the index better, "" if nothing would.
func (v *version) advice(in *Info) string {
	var say []string
	if v.drift.rows*driftShare >= in.Rows && in.Drift > driftWarning {
		say = append(say, fmt.Sprintf("the %d rows added lie %.3g times as far from what the codes "+
			"are made around as the rows of the build: build the index anew", v.drift.rows, in.Drift))
	}
	if in.Deleted > 0 && in.Deleted*deadShare >= in.Rows+in.Deleted {
		say = append(say, fmt.Sprintf("%d of %d rows are deleted: compact() gives their memory back",
			in.Deleted, in.Rows+in.Deleted))
	}
	switch kind := v.parts[0].kind; {
	case v.parts[0].metric.Binary(): // is exact however many rows there are
	case kind == Exact && in.Rows > 4*AutoExactRows || kind == Flat && in.Rows > 4*AutoFlatRows:
		say = append(say, fmt.Sprintf("%d rows are many for kind %s: build the index anew with "+
			"kind='auto'", in.Rows, kind))
	case kind == IVF && in.Rows > 8*max(in.Cells, 1)*in.Cells:
		say = append(say, fmt.Sprintf("%d rows are many for %d cells: build the index anew", in.Rows,
			in.Cells))
	}
	return strings.Join(say, "; ")
}

// SourceFloats returns the first numbers of the vectors that the index reads (nil when they are
// not float32 or not kept): their address proves that a column was borrowed.
func (ix *Index) SourceFloats() *float32 {
	v, err := ix.enter("info")
	if err != nil {
		return nil
	}
	defer ix.leave(v)
	if col := v.parts[0].source; col != nil {
		return col.firstFloat()
	}
	return nil
}

package arrowidx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
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
	MappedBytes   int64   `json:"mapped_bytes"`   // the file that it is mapped from
	Vectors       bool    `json:"vectors"`        // exact distances can be computed
	Epsilon0      float64 `json:"epsilon0"`
	Recall        float64 `json:"recall"`
	Cells         int     `json:"cells"`  // 0 for exact, 1 for flat
	Copies        int     `json:"copies"` // rows with a second code: see CopyPolicy
	Plane         int     `json:"plane"`  // bits per dimension that a scan reads
	Calibrated    bool    `json:"calibrated"`
	// Calibration says how each recall target is reached (kind ivf), by rising target.
	Calibration []CalibrationPoint `json:"calibration"`
	RowBytes    int                `json:"row_bytes"` // read for every row and query
	Seed        uint64             `json:"seed"`
	Provenance  string             `json:"provenance"`
	Deleted     int                `json:"deleted"` // rows deleted whose memory is still held
	Added       int                `json:"added"`   // rows added since the build
	Tail        int                `json:"tail"`    // of these, rows that lie apart as yet
	Where       string             `json:"where"`   // of vectors that are not in memory; "": none
	Changed     bool               `json:"changed"` // rows were added or deleted: they have no order
	// Drift is the mean residual norm (distance from the mean, for kind ivf from the nearest
	// centroid) of rows added over that of the build; 0: none was added, or it is not known.
	Drift float64 `json:"drift"`
	// Stages are the seconds that the build took; nil: not known, as of an index from a file.
	Stages *BuildStages `json:"stages"`
	// Advice says in words when a rebuild or a compaction is due; "": nothing is.
	Advice string `json:"advice"`
}

// BuildStages are the seconds that a build took, by stage.
type BuildStages = segment.Stages

// Info describes the index. Bytes are counted, not estimated. Of a closed index they
// are those of the build.
func (ix *Index) Info() Info {
	u, err := ix.enter("info")
	if err != nil {
		closed := *ix.base()
		closed.Source, closed.Raw = nil, nil
		in := info(&closed, map[*Column]bool{})
		in.Rows = ix.Len()
		return in
	}
	defer ix.leave(&u, &err)
	v := u.v
	seen := map[*Column]bool{}
	in := info(v.Segments[0], seen)
	for _, p := range v.Segments[1:] {
		more := info(p, seen)
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
	in.IDKind, in.Changed = v.IDs.Kind().String(), v.Changed
	in.Drift, in.Added = v.Drift.Ratio(), v.Drift.Rows
	in.Advice = advice(v, &in)
	return in
}

// info tells about one segment; the memory of columns that were seen before is not counted again.
func info(seg *segment.Segment, seen map[*Column]bool) Info {
	in := Info{
		Kind: seg.Kind.String(), Metric: seg.Metric.String(), Bits: seg.Bits,
		Rows: seg.Rows - seg.Deleted, Dim: seg.Dim, Usable: seg.Usable, Nulls: seg.Nulls, Bad: seg.Bad,
		Deleted: seg.Deleted, Keep: seg.Keep.String(), IDKind: seg.IDs.Kind().String(),
		Epsilon0: seg.PointFor(seg.Recall, true).Epsilon0, Recall: seg.Recall,
		Seed: seg.Seed, RowBytes: 4 * seg.Dim, Provenance: string(seg.Provenance),
		Stages: seg.Stages,
	}
	if seg.Metric.Binary() {
		in.RowBytes = seg.Dim / 8
	}
	bits := len(seg.Alive) + len(seg.Gone) + len(seg.Slots) + len(seg.Owner)
	in.IndexBytes = int64(4*bits+4*len(seg.Mean)+len(seg.Norms.Mem)) + seg.IDs.Bytes()
	in.Cells, in.Plane = seg.CellCount(), min(seg.Bits, 1)
	in.Calibrated, in.Calibration = len(seg.Points) > 0, slices.Clone(seg.Points)
	if seg.Rot != nil {
		in.IndexBytes += int64(4 * len(seg.Rot.Signs))
	}
	if seg.Codes != nil {
		in.IndexBytes += seg.Codes.Bytes()
		if seg.Cells != nil {
			in.IndexBytes += seg.Cells.Bytes()
		}
		if seg.Copies != nil {
			in.Copies = len(seg.Copies.Pos)
			in.IndexBytes += seg.Copies.Bytes()
		}
		in.RowBytes = seg.Codes.Stride / simd.BlockRows
	}
	if slots := seg.Held.Slots.Load(); slots != nil {
		in.IndexBytes += int64(4 * len(*slots))
	}
	in.IndexBytes += seg.Remembers()
	in.Vectors, in.Where = seg.Source != nil, seg.Source.Where()
	for _, col := range []*Column{seg.Source, seg.Raw} {
		if col != nil {
			own, borrowed := col.MemoryBytes(seen)
			in.IndexBytes += own
			in.BorrowedBytes += borrowed
		}
	}
	if seg.File.Mapping() != nil {
		in.MappedBytes = int64(len(seg.File.Mem))
		in.IndexBytes -= inFile(seg)
	}
	return in
}

// inFile counts what lies in a mapped file of what was counted as memory of a segment.
func inFile(seg *segment.Segment) int64 {
	n := int64(4*len(seg.Mean) + len(seg.Norms.Mem))
	if seg.Codes != nil {
		n += seg.Codes.Bytes()
	}
	if c := seg.Cells; c != nil {
		n += 4 * int64(len(c.Centroids)+len(c.Rows))
	}
	if k := seg.Copies; k != nil {
		n += k.Codes.Bytes() + 4*int64(len(k.Pos))
	}
	for _, l := range seg.Unverified() {
		n -= l.Bytes()
	}
	if seg.Keep == segment.KeepCopy {
		own, _ := seg.Source.MemoryBytes(map[*Column]bool{})
		n += own
	}
	return n
}

const (
	// driftWarning is the drift from which on a rebuild is advised, if enough rows were added.
	driftWarning = 1.15
	driftShare   = 100 // one row in so many
	// deadShare of the rows deleted is worth a compaction.
	deadShare = 4
)

// advice says in words what would make the index better, "" if nothing would.
func advice(v *segment.Version, in *Info) string {
	var say []string
	if v.Drift.Rows*driftShare >= in.Rows && in.Drift > driftWarning {
		say = append(say, fmt.Sprintf("the %d rows added lie %.3g times as far from what the codes "+
			"are made around as the rows of the build: build the index anew", v.Drift.Rows, in.Drift))
	}
	if in.Deleted > 0 && in.Deleted*deadShare >= in.Rows+in.Deleted {
		say = append(say, fmt.Sprintf("%d of %d rows are deleted: compact() gives their memory back",
			in.Deleted, in.Rows+in.Deleted))
	}
	switch kind := v.Segments[0].Kind; {
	case v.Segments[0].Metric.Binary(): // is exact however many rows there are
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
	u, err := ix.enter("info")
	if err != nil {
		return nil
	}
	defer ix.leave(&u, &err)
	v := u.v
	if col := v.Segments[0].Source; col != nil {
		return col.FirstFloat()
	}
	return nil
}

package arrowidx

import "fmt"

// Metric says how two vectors are compared.
type Metric uint8

// The metrics. Their numbers are stored in index files. The last two compare rows of packed bits.
const (
	Cosine      Metric = iota // <x,q> / (|x| |q|), larger is better; 0 when either vector is zero
	Dot                       // <x,q>, larger is better
	L2                        // |x - q|, smaller is better
	SqEuclidean               // |x - q|^2, smaller is better
	Hamming                   // number of bits that differ, smaller is better
	Jaccard                   // 1 - |x and q| / |x or q|, smaller is better; 0 for two rows of zeros
)

var metricNames = [...]string{"cosine", "dot", "l2", "sqeuclidean", "hamming", "jaccard"}

// String returns the metric's name as users write it.
func (m Metric) String() string {
	if int(m) >= len(metricNames) {
		return fmt.Sprintf("Metric(%d)", uint8(m))
	}
	return metricNames[m]
}

// Larger reports whether a larger score is a better one (cosine and dot).
func (m Metric) Larger() bool { return m == Cosine || m == Dot }

// Binary reports whether the metric compares bits (hamming and jaccard).
func (m Metric) Binary() bool { return m == Hamming || m == Jaccard }

// ParseMetric reads a metric's name; "euclidean" is another name of "l2".
func ParseMetric(name string) (Metric, error) {
	if name == "euclidean" {
		return L2, nil
	}
	for i, s := range metricNames {
		if s == name {
			return Metric(i), nil
		}
	}
	return 0, newError(MetricError, "metric", fmt.Sprintf("unknown metric %q", name),
		"use cosine, dot, l2 (= euclidean, not squared) or sqeuclidean, and hamming or jaccard "+
			"for bits")
}

// Kind is the structure of an index.
type Kind uint8

// The kinds. All but Auto are stored in index files; Auto is resolved by Build from the number of
// rows alone: exact up to AutoExactRows, flat up to AutoFlatRows, ivf above.
const (
	Auto  Kind = 0
	Exact Kind = 1 // every vector is measured
	Flat  Kind = 2 // every code is scanned
	IVF   Kind = 3 // the codes of the cells nearest to the query are scanned
)

// The largest numbers of rows for which Auto means Exact, and Flat.
const (
	AutoExactRows = 10_000
	AutoFlatRows  = 250_000
)

// String returns the kind's name as users write it.
func (k Kind) String() string {
	switch k {
	case Auto:
		return "auto"
	case Exact:
		return "exact"
	case Flat:
		return "flat"
	case IVF:
		return "ivf"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	for _, k := range []Kind{Auto, Exact, Flat, IVF} {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, newError(InvalidArgument, "kind", fmt.Sprintf("unknown kind %q", name),
		"use auto, exact, flat or ivf")
}

// Keep says what an index does with the vectors it was built from.
type Keep uint8

// The ways to keep vectors.
const (
	KeepAuto   Keep = iota // the same as KeepBorrow
	KeepBorrow             // hold the column: it must not change while the index is open
	KeepCopy               // hold a float32 copy outside the Go heap
	KeepNone               // hold codes only (not kind exact): scores are estimates without a Source
)

var keepNames = [...]string{"auto", "borrow", "copy", "none"}

// String returns the name as users write it.
func (k Keep) String() string {
	if int(k) >= len(keepNames) {
		return fmt.Sprintf("Keep(%d)", uint8(k))
	}
	return keepNames[k]
}

// ParseKeep reads the name of a way to keep vectors.
func ParseKeep(name string) (Keep, error) {
	for i, s := range keepNames {
		if s == name {
			return Keep(i), nil
		}
	}
	return 0, newError(InvalidArgument, "keep", fmt.Sprintf("unknown keep %q", name),
		"use auto, borrow, copy or none")
}

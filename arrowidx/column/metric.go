package column

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

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
	return 0, fault.New(fault.MetricError, "metric", fmt.Sprintf("unknown metric %q", name),
		"use cosine, dot, l2 (= euclidean, not squared) or sqeuclidean, and hamming or jaccard "+
			"for bits")
}

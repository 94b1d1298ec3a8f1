package arrowidx

// tuned is how an index searches for a recall target.
type tuned struct {
	target  float64
	probes  int
	epsilon float64
}

// tunedFor returns the settings of the least target that is at least the asked one. Above the
// greatest the rows are measured one and all (epsilon 0).
func (ix *Index) tunedFor(recall float64, _ bool) tuned {
	for _, t := range ix.tuning {
		if t.target >= recall {
			return t
		}
	}
	return tuned{target: recall, epsilon: epsilonFor(recall), probes: 32}
}

// cellCount returns the number of cells: 0 for kind exact.
func (ix *Index) cellCount() int {
	switch {
	case ix.codes == nil:
		return 0
	case ix.codes.cells == nil:
		return 1
	}
	return ix.codes.cells.n
}

//go:build !linux

package mem

// hugePage is more than any slab.
const hugePage = 1 << 62

// adviseHuge does nothing where huge pages cannot be asked for.
func adviseHuge([]byte) {}

// forget leaves pages until they are unmapped.
func forget([]byte) {}

// advise leaves it to the system.
func advise([]byte, int, int, advice) {}

const (
	hereAndThere advice = iota
	soon
)

//go:build !linux

package mem

// adviseHuge does nothing where huge pages cannot be asked for.
func adviseHuge([]byte) {}

// forget leaves pages until they are unmapped.
func forget([]byte) {}

//go:build !linux

package arrowidx

// adviseHuge does nothing where huge pages cannot be asked for.
func adviseHuge([]byte) {}

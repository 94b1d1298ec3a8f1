//go:build !linux

package arrowidx

import "os"

// copyAccessList does nothing: access lists are known on Linux only.
func copyAccessList(string, *os.File) error { return nil }

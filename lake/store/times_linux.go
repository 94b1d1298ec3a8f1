package store

import "syscall"

// changeTime returns when a file, or what the system keeps of it, was changed, in ns.
func changeTime(sys *syscall.Stat_t) int64 { return sys.Ctim.Nano() }

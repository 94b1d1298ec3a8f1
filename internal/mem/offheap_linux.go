package mem

import (
	"os"
	"syscall"
)

// hugePage is the size of a huge page, and the least slab that asks for some.
const hugePage = 2 << 20

// adviseHuge asks for huge pages, which saves most of a scan's page walks. It is only a hint.
func adviseHuge(mem []byte) {
	const madvHugepage = 14
	_ = syscall.Madvise(mem, madvHugepage)
}

// forget gives pages back to the system. Where it refuses, they stay until the slab is unmapped.
func forget(mem []byte) {
	if len(mem) > 0 {
		_ = syscall.Madvise(mem, syscall.MADV_DONTNEED)
	}
}

// advise says how bytes [from, to) of a mapped file will be used. It is only a hint.
func advise(file []byte, from, to int, how advice) {
	from -= from % os.Getpagesize()
	if from < to {
		_ = syscall.Madvise(file[from:to], int(how))
	}
}

const (
	hereAndThere advice = syscall.MADV_RANDOM
	soon         advice = syscall.MADV_WILLNEED
)

package mem

import (
	"syscall"
)

// adviseHuge asks for huge pages, which saves most of a scan's page walks. It is only a hint.
func adviseHuge(mem []byte) {
	const hugePage = 2 << 20
	if len(mem) >= hugePage {
		const madvHugepage = 14
		_ = syscall.Madvise(mem, madvHugepage)
	}
}

// forget gives pages back to the system. Where it refuses, they stay until the slab is unmapped.
func forget(mem []byte) {
	if len(mem) > 0 {
		_ = syscall.Madvise(mem, syscall.MADV_DONTNEED)
	}
}

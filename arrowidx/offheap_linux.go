package arrowidx

import "syscall"

// adviseHuge asks for huge pages, which saves most of a scan's page walks. It is only a hint.
func adviseHuge(mem []byte) {
	const hugePage = 2 << 20
	if len(mem) >= hugePage {
		const madvHugepage = 14
		_ = syscall.Madvise(mem, madvHugepage)
	}
}

package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Verify looks at every part of a mapped index (see Open) that no call has looked at yet. What is
// in memory was verified when it was read; of borrowed vectors it is verified that they are the
// same, as by Unchanged. progress, if it is not nil, counts blocks of 256 KiB. threads 0 means the
// default of SetThreads.
//
// Errors: CorruptIndex naming section and offset, the first in the order of blocks, extra bits and
// vectors; PersistError when the file has changed or cannot be read; VectorsChanged, Cancelled,
// IndexClosed.
func (ix *Index) Verify(ctx context.Context, threads int, progress *Progress) (err error) {
	u, err := ix.enter("verify")
	if err != nil {
		return err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if err := v.Unchanged("verify"); err != nil {
		return err
	}
	if progress == nil {
		progress = &Progress{}
	}
	var parts []*mem.Lazy
	blocks := 0
	for _, p := range v.Segments {
		for _, l := range p.Unverified() {
			parts, blocks = append(parts, l), blocks+l.Blocks()
		}
	}
	progress.Stages.Store(1)
	progress.Total.Store(int64(blocks))
	for _, l := range parts {
		err := mem.Parallel(ctx, "verify", mem.Threads(threads), l.Blocks(), func(_, i int) error {
			defer progress.Scanned.Add(1)
			return l.Verify(max(i-1, 0), i+1)
		})
		if err != nil {
			return mem.Fault("verify", err)
		}
	}
	return nil
}

package parquet

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Limits are what a file may ask for; a field of 0 stands for its default. They keep a file that
// somebody forged from taking memory or time without end, and are far above what writers write.
type Limits struct {
	// Footer is the most bytes of the footer (default 64 MiB).
	Footer int64
	// Columns is the most elements of the schema (default 100,000), Groups the most row groups
	// (default 1,000,000).
	Columns, Groups int
	// Page is the most bytes of a page as stored (default 64 MiB), PageDecoded as decompressed
	// (default 256 MiB).
	Page, PageDecoded int64
	// Decoded is the most bytes of vectors of a row group (default 16 GiB).
	Decoded int64
	// Ratio is how many bytes may come of each byte read (default 1,000), beyond the first 16 MiB.
	Ratio int64
	// List is the most numbers of one vector (default and at most 65,536).
	List int
}

// free are the bytes that a page or a row group may have whatever the ratio.
const free = 16 << 20

// maxList is the most numbers of a vector that anything here can take.
const maxList = 65_536

func or[T int | int64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// filled returns the limits with defaults where nothing is set.
func (l Limits) filled() Limits {
	return Limits{
		Footer: or(l.Footer, 64<<20), Columns: or(l.Columns, 100_000), Groups: or(l.Groups, 1_000_000),
		Page: or(l.Page, 64<<20), PageDecoded: or(l.PageDecoded, 256<<20),
		Decoded: or(l.Decoded, 16<<30), Ratio: or(l.Ratio, 1000),
		List: min(or(l.List, maxList), maxList),
	}
}

// exceeded is the error of a limit; option is the name that Go, C and Python give it.
func (f *File) exceeded(where, what, option string, have, limit int64) error {
	return fault.New(fault.LimitExceeded, op,
		fmt.Sprintf("%s: %s%s is %d, the limit is %d", f.name, where, what, have, limit),
		fmt.Sprintf("raise the limit %q if you trust the file", option))
}

// checkExpansion compares the bytes that come of stored bytes with the ratio that is allowed.
func (f *File) checkExpansion(where string, stored, decoded int64) error {
	if decoded <= free || decoded/max(stored, 1) < f.limits.Ratio {
		return nil
	}
	return f.exceeded(where, fmt.Sprintf("%d bytes that become %d: the ratio", stored, decoded),
		"ratio", decoded/max(stored, 1), f.limits.Ratio)
}

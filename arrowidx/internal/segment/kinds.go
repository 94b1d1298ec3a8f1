package segment

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Kind is the structure of an index.
type Kind uint8

// The kinds. All but Auto are stored in index files; Auto is resolved by Build from the number of
// rows alone: exact up to AutoExactRows, flat up to AutoFlatRows, ivf above.
const (
	Auto  Kind = 0
	Exact Kind = 1 // every vector is measured
	Flat  Kind = 2 // every code is scanned
	IVF   Kind = 3 // the codes of the cells nearest to the query are scanned
)

// The largest numbers of rows for which Auto means Exact, and Flat.
const (
	AutoExactRows = 10_000
	AutoFlatRows  = 250_000
)

// String returns the kind's name as users write it.
func (k Kind) String() string {
	switch k {
	case Auto:
		return "auto"
	case Exact:
		return "exact"
	case Flat:
		return "flat"
	case IVF:
		return "ivf"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind reads the name of a kind.
func ParseKind(name string) (Kind, error) {
	for _, k := range []Kind{Auto, Exact, Flat, IVF} {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fault.New(fault.InvalidArgument, "kind", fmt.Sprintf("unknown kind %q", name),
		"use auto, exact, flat or ivf")
}

// Keep says what an index does with the vectors it was built from.
type Keep uint8

// The ways to keep vectors.
const (
	KeepAuto   Keep = iota // the same as KeepBorrow
	KeepBorrow             // hold the column: it must not change while the index is open
	KeepCopy               // hold a float32 copy outside the Go heap
	KeepNone               // hold codes only (not kind exact): scores are estimates without a Source
)

var keepNames = [...]string{"auto", "borrow", "copy", "none"}

// String returns the name as users write it.
func (k Keep) String() string {
	if int(k) >= len(keepNames) {
		return fmt.Sprintf("Keep(%d)", uint8(k))
	}
	return keepNames[k]
}

// ParseKeep reads the name of a way to keep vectors.
func ParseKeep(name string) (Keep, error) {
	for i, s := range keepNames {
		if s == name {
			return Keep(i), nil
		}
	}
	return 0, fault.New(fault.InvalidArgument, "keep", fmt.Sprintf("unknown keep %q", name),
		"use auto, borrow, copy or none")
}

package simd

import (
	"math/rand"
	"os"
	"syscall"
	"testing"
	"time"
)

// Helpers of the kernel tests of both groups: memory that ends at an unreadable page, memory at a
// chosen alignment with canaries around it, seeds that are printed, and tiers.

// canary fills the memory around outputs.
const canary = 0xA5

// guarded returns n zeroed elements whose last byte is the last byte before an unreadable page,
// so that a kernel that reads or writes past the end dies with a fault.
func guarded[T any](t testing.TB, n int) []T {
	t.Helper()
	page := os.Getpagesize()
	size := n * sizeOf[T]()
	pages := (size+page-1)/page + 1
	mem, err := syscall.Mmap(-1, 0, pages*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("mmap: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Errorf("munmap: %v", err)
		}
	})
	last := (pages - 1) * page
	if err := syscall.Mprotect(mem[last:], syscall.PROT_NONE); err != nil {
		t.Fatalf("mprotect: %v", err)
	}
	return view[T](mem[last-size:last], n)
}

// guardedCopy returns a guarded copy of s.
func guardedCopy[T any](t testing.TB, s []T) []T {
	t.Helper()
	g := guarded[T](t, len(s))
	copy(g, s)
	return g
}

// fenced is memory for n elements that starts offset bytes behind a 64-byte boundary and lies
// between canaries.
type fenced[T any] struct {
	mem   []byte
	start int
	Slice []T
}

// newFenced makes the memory; every byte of it, also of Slice, is the canary at first. offset is
// in bytes, 0 <= offset < 64; it need not be a multiple of the size of T.
func newFenced[T any](n, offset int) *fenced[T] {
	size := n * sizeOf[T]()
	mem := make([]byte, size+4*64)
	for i := range mem {
		mem[i] = canary
	}
	start := 64 + (64-addressMod64(mem))%64 + offset
	return &fenced[T]{mem, start, view[T](mem[start:start+size], n)}
}

// Check fails the test when a byte around Slice changed.
func (f *fenced[T]) Check(t testing.TB, name string) {
	t.Helper()
	end := f.start + len(f.Slice)*sizeOf[T]()
	for i, b := range f.mem {
		if (i < f.start || i >= end) && b != canary {
			t.Fatalf("%s: byte %d relative to the output's start was overwritten (length %d bytes)",
				name, i-f.start, end-f.start)
		}
	}
}

// newRand returns a generator whose seed is printed with the test's output.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// withTier runs f with tier forced and puts the old tier back.
func withTier(t testing.TB, tier Tier, f func()) {
	t.Helper()
	old := Active()
	if err := SetTier(tier); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := SetTier(old); err != nil {
			t.Error(err)
		}
	}()
	f()
}

// assembled returns the tiers of this machine that have kernels in assembly. It skips the test,
// loudly, when there are none.
func assembled(t testing.TB) []Tier {
	t.Helper()
	tiers := Available()[1:]
	if len(tiers) == 0 {
		t.Log("NO TIER BUT PURE ON THIS MACHINE OR BUILD: no kernel in assembly was tested")
		t.SkipNow()
	}
	return tiers
}

// needTier skips the test, loudly, when the tier is absent.
func needTier(t testing.TB, tier Tier) {
	t.Helper()
	if checkTier(tier) != nil {
		t.Logf("TIER %s IS ABSENT ON THIS MACHINE OR BUILD: its kernels were NOT tested", tier)
		t.SkipNow()
	}
}

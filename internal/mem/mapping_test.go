package mem_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// fileOf makes a file of n bytes and maps it.
func fileOf(t *testing.T, n int) (mem.Slab, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mapped")
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	s, err := mem.MapFile("test", f, path)
	require.NoError(t, err)
	t.Cleanup(s.Free)
	return s, path
}

func TestAMappedFileIsItsBytes(t *testing.T) {
	s, path := fileOf(t, 10_000)
	require.Len(t, s.Mem, 10_000)
	require.EqualValues(t, 9_999%251, s.Mem[9_999])
	require.NoError(t, s.Mapping().Check("test"))
	require.NoError(t, os.Remove(path))
	require.NoError(t, s.Mapping().Check("test"), "a file without a name is still the file")
	s.Free()
	require.Nil(t, s.Mem)
	s.Free() // twice is once
	require.Nil(t, (&mem.Slab{}).Mapping())
}

func TestAFolderCannotBeMapped(t *testing.T) {
	f, err := os.Open(t.TempDir())
	require.NoError(t, err)
	_, err = mem.MapFile("load", f, "a folder")
	require.Equal(t, fault.PersistError, fault.KindOf(err))
	require.ErrorContains(t, err, "load: a folder cannot be mapped")
}

func TestAFaultOnACutFileSaysSo(t *testing.T) {
	s, path := fileOf(t, 1<<20)
	require.NoError(t, os.Truncate(path, 5000))
	sum := 0
	for _, at := range []int{4999, 1 << 19} {
		err := mem.Guarded("search", func() error {
			sum += int(s.Mem[at])
			return nil
		})
		if at < 5000 {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, fault.PersistError, fault.KindOf(err))
		require.ErrorContains(t, err, "search: "+path+": the file shrank from 1048576 to 5000 bytes")
	}
	require.ErrorContains(t, s.Mapping().Check("row"), "row: "+path+": the file shrank")
	require.Positive(t, sum)
}

func TestOnlyErrorsThatWereRaisedPassAsSuch(t *testing.T) {
	raised := fault.New(fault.CorruptIndex, "load", "damaged", "")
	err := mem.Guarded("search", func() error { panic(raised) })
	require.Equal(t, fault.CorruptIndex, fault.KindOf(err))
	require.EqualError(t, err, "search: damaged")
	require.Equal(t, "load", raised.Op, "what was raised is not changed")
	err = mem.Guarded("search", func() error { panic(errors.New("boom")) })
	require.Equal(t, fault.NativeError, fault.KindOf(err))
	for _, other := range []any{nil, "boom", errors.New("boom")} {
		require.NoError(t, mem.Fault("search", other))
	}
}

// lazyOf verifies n bytes in blocks of 100 and units of so many bytes; bad is a block, badUnit a
// unit, that are found damaged (-1: none). It counts how often a block is looked at.
func lazyOf(t *testing.T, n, unit, bad, badUnit int) (*mem.Lazy, []byte, []atomic.Int32) {
	t.Helper()
	const begin = 64
	s, _ := fileOf(t, begin+n)
	part := s.Mem[begin:]
	seen := make([]atomic.Int32, n/100+1)
	return mem.NewLazy(s.Mem, part, 100, unit,
		func(i int, b []byte) error {
			seen[i].Add(1)
			if i == bad {
				return fault.New(fault.CorruptIndex, "load", fmt.Sprintf("block %d of %d", i, len(b)), "")
			}
			return nil
		},
		func(from, to int) error {
			if from <= badUnit && badUnit < to {
				return fault.New(fault.CorruptIndex, "load", fmt.Sprintf("unit %d", badUnit), "")
			}
			return nil
		}), part, seen
}

// touched returns what touching units [from, to) says.
func touched(l *mem.Lazy, part []byte, unit, from, to int) error {
	return mem.Guarded("search", func() error {
		l.Touch(part[from*unit : to*unit])
		return nil
	})
}

// Every unit is found damaged by whoever touches it and by nobody else, wherever it lies, and so is
// every block.
func TestWhatIsTouchedIsVerifiedOnce(t *testing.T) {
	for _, unit := range []int{1, 7, 50, 99, 100, 101, 150, 250} {
		const n = 20
		size := n * unit
		for bad := range n {
			l, part, _ := lazyOf(t, size, unit, -1, bad)
			for i := range n {
				err := touched(l, part, unit, i, i+1)
				near := i*unit/100 <= ((bad+1)*unit-1)/100 && ((i+1)*unit-1)/100 >= bad*unit/100
				if i == bad {
					require.ErrorContains(t, err, fmt.Sprintf("unit %d", bad), "units of %d", unit)
				} else if !near {
					require.NoError(t, err, "unit %d of %d", i, unit)
				}
			}
			require.Error(t, l.Verify(0, l.Blocks()))
		}
		for bad := range (size + 99) / 100 {
			l, part, _ := lazyOf(t, size, unit, bad, -1)
			for i := range n {
				err := touched(l, part, unit, i, i+1)
				if i*unit/100 <= bad && bad <= ((i+1)*unit-1)/100 {
					require.ErrorContains(t, err, fmt.Sprintf("search: block %d of ", bad))
				}
			}
			require.Error(t, touched(l, part, unit, 0, n))
			require.Error(t, l.Verify(0, l.Blocks()))
		}
	}
}

func TestABlockIsLookedAtOnce(t *testing.T) {
	lazy, part, seen := lazyOf(t, 10_000, 30, -1, -1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 333 {
				lazy.Touch(part[i*30 : (i+1)*30])
			}
		}()
	}
	wg.Wait()
	before := make([]int32, len(seen))
	for i := range seen {
		before[i] = seen[i].Load()
	}
	require.NoError(t, lazy.Verify(0, lazy.Blocks()))
	for i := range 100 {
		require.Positive(t, before[i], "block %d", i)
		require.Equal(t, before[i], seen[i].Load(), "block %d is looked at no more", i)
	}
	var none *mem.Lazy
	none.Touch(part)
	require.Zero(t, none.Blocks())
	require.Zero(t, none.Bytes())
	require.Positive(t, lazy.Bytes())
}

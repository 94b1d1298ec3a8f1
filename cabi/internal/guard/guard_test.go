package guard

import (
	"errors"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

// failures are all the ways in which code below a door can blow up and be caught.
func failures(t *testing.T) map[string]func() error {
	// Memory that cannot be read, rather than none: an unmapped page may be somebody else's soon.
	gone, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(gone)) })
	lost := unsafe.SliceData(gone)
	var none []int
	var nothing *handle.Table
	return map[string]func() error{
		"panic":       func() error { panic("boom") },
		"panic error": func() error { panic(errors.New("boom")) },
		"index":       func() error { none[1] = 0; return nil },
		"nil":         func() error { nothing.Len(); return nil },
		"lost memory": func() error { _ = *(*byte)(unsafe.Pointer(lost)) + 1; sink = *lost; return nil },
		"from the engine's own goroutines": func() error {
			return &arrowidx.Error{Kind: arrowidx.NativeError, Msg: "internal error: boom\nstack"}
		},
	}
}

var sink byte

func TestEveryFailureOfACallIsANativeErrorAndPoisonsItsHandles(t *testing.T) {
	for name, fail := range failures(t) {
		var table handle.Table
		used, unused := table.Put(handle.Index, 1, nil), table.Put(handle.Index, 2, nil)
		err := Call(&table, "search", func(s *Scope) error {
			v, err := Use[int](s, used, handle.Index)
			require.NoError(t, err)
			require.Equal(t, 1, v)
			return fail()
		})
		require.Equal(t, arrowidx.NativeError, arrowidx.KindOf(err), name)
		_, err = table.Acquire(used, handle.Index)
		require.Equal(t, arrowidx.Poisoned, arrowidx.KindOf(err), name)
		require.NotContains(t, err.Error(), "stack", name)
		ref, err := table.Acquire(unused, handle.Index)
		require.NoError(t, err, name)
		ref.Release()
	}
}

func TestEveryFailureOfAGoroutineIsCaughtToo(t *testing.T) {
	for name, fail := range failures(t) {
		var table handle.Table
		closed := make(chan bool, 1)
		h := table.Put(handle.Index, 1, func() { closed <- true })
		s := Scope{Table: &table}
		_, err := Use[int](&s, h, handle.Index)
		require.NoError(t, err)
		done := make(chan error)
		s.Move().Go("build", fail, func(err error) { done <- err })
		require.Equal(t, arrowidx.NativeError, arrowidx.KindOf(<-done), name)
		_, err = table.Acquire(h, handle.Index)
		require.Equal(t, arrowidx.Poisoned, arrowidx.KindOf(err), name)
		require.NoError(t, table.Free(h))
		require.True(t, <-closed, "the goroutine gave its reference up")
	}
}

func TestAPanicWhileReleasingEndsNothing(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Index, 1, func() { panic("close") })
	s := Scope{Table: &table}
	_, err := Use[int](&s, h, handle.Index)
	require.NoError(t, err)
	require.NoError(t, table.Free(h))
	done := make(chan error)
	s.Move().Go("build", func() error { return nil }, func(err error) { done <- err })
	require.Equal(t, arrowidx.NativeError, arrowidx.KindOf(<-done))
}

func TestOrdinaryErrorsPassAndPoisonNothing(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Index, 1, nil)
	for _, fail := range []error{
		nil, errors.New("plain"), &arrowidx.Error{Kind: arrowidx.InvalidArgument},
	} {
		err := Call(&table, "search", func(s *Scope) error {
			_, err := Use[int](s, h, handle.Index)
			require.NoError(t, err)
			return fail
		})
		require.Equal(t, fail, err)
		ref, err := table.Acquire(h, handle.Index)
		require.NoError(t, err)
		ref.Release()
	}
}

func TestTheStackOfAPanicIsReported(t *testing.T) {
	err := Call(&handle.Table{}, "search", func(*Scope) error { panic("boom") })
	require.ErrorContains(t, err, "search: internal error: boom")
	require.ErrorContains(t, err, "guard_test.go")
}

func TestHandlesAreReleasedAfterTheCall(t *testing.T) {
	var table handle.Table
	closed := false
	h := table.Put(handle.Index, 1, func() { closed = true })
	err := Call(&table, "search", func(s *Scope) error {
		_, err := Use[int](s, h, handle.Index)
		require.NoError(t, err)
		require.NoError(t, table.Free(h))
		require.False(t, closed, "in use")
		return nil
	})
	require.NoError(t, err)
	require.True(t, closed)
}

func TestARefusedArgumentPoisonsNothing(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Index, 1, nil)
	err := Call(&table, "search", func(s *Scope) error {
		_, err := Use[int](s, h, handle.Index)
		require.NoError(t, err)
		panic(Refusal{"2^60 rows"})
	})
	require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "2^60 rows")
	_, err = table.Acquire(h, handle.Index)
	require.NoError(t, err)
}

func TestWhatFailsWhileArgumentsAreReadIsTheArgumentsFault(t *testing.T) {
	for name, fail := range failures(t) {
		if name == "from the engine's own goroutines" {
			continue
		}
		var table handle.Table
		h := table.Put(handle.Index, 1, nil)
		err := Call(&table, "delete", func(s *Scope) error {
			_, err := Use[int](s, h, handle.Index)
			require.NoError(t, err)
			return Reading("delete", "the ids", fail)
		})
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), name)
		require.ErrorContains(t, err, "the ids cannot be read", name)
		_, err = table.Acquire(h, handle.Index)
		require.NoError(t, err, name)
	}
	err := Reading("add", "the ids", func() error { panic(Refusal{"too many"}) })
	require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err))
	plain := errors.New("plain")
	require.Equal(t, plain, Reading("add", "the ids", func() error { return plain }))
}

func TestADamagedObjectIsThereForThoseWhoAskForIt(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Index, 1, nil)
	require.Error(t, Call(&table, "add", func(s *Scope) error {
		_, err := Use[int](s, h, handle.Index)
		require.NoError(t, err)
		panic("boom")
	}))
	require.NoError(t, Call(&table, "save", func(s *Scope) error {
		_, err := Use[int](s, h, handle.Index)
		require.Equal(t, arrowidx.Poisoned, arrowidx.KindOf(err))
		require.ErrorContains(t, err, "save it")
		ref, err := s.AcquireDamaged(h, handle.Index)
		require.NoError(t, err)
		require.Equal(t, 1, ref.Value())
		require.Contains(t, ref.Poisoned(), "boom")
		return nil
	}))
	_, err := table.AcquireDamaged(h, handle.Column)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "of another kind all the same")
}

// An allocator has no way to return an error: what it panics with is one, and damages nothing.
func TestAnAllocatorsPanicIsItsErrorAndPoisonsNothing(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Index, "an index", nil)
	none := &arrowidx.Error{Kind: arrowidx.OutOfMemory, Op: "answer", Msg: "no room", Row: -1,
		Column: -1}
	err := Call(&table, "within", func(s *Scope) error {
		if _, err := Use[string](s, h, handle.Index); err != nil {
			return err
		}
		panic(none)
	})
	require.Equal(t, none, err)
	ref, err := table.Acquire(h, handle.Index)
	require.NoError(t, err)
	ref.Release()
}

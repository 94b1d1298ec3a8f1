package headroom

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpaceIsWhatTheLimitLeaves(t *testing.T) {
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_AS, &old))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_AS, &old)) }()
	if old.Cur > 1<<62 {
		require.EqualValues(t, Unlimited, Space())
	}
	const more = 512 << 20
	limit := syscall.Rlimit{Cur: uint64(mapped() + more), Max: old.Max}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_AS, &limit))
	require.InDelta(t, more, Space(), 64<<20)
	require.LessOrEqual(t, Free(), Space())
	mem, err := syscall.Mmap(-1, 0, more/2, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	require.InDelta(t, more/2, Space(), 64<<20)
	require.NoError(t, syscall.Munmap(mem))
}

// The tightest group on the way up counts, and file pages that can go are free.
func TestAControlGroupLeavesWhatTheTightestAboveItLeaves(t *testing.T) {
	root := t.TempDir()
	write := func(group, name, text string) {
		dir := filepath.Join(root, group)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.EqualValues(t, Unlimited, grouped(root, "/a/b"))
	write("a/b", "memory.max", "max\n")
	write("a/b", "memory.current", "100\n")
	require.EqualValues(t, Unlimited, grouped(root, "/a/b"))
	write("a", "memory.max", "5000\n")
	write("a", "memory.current", "4000\n")
	require.EqualValues(t, 1000, grouped(root, "/a/b"))
	write("a", "memory.stat", "anon 3\ninactive_file 500\nactive_file 7\n")
	require.EqualValues(t, 1500, grouped(root, "/a/b"))
	write("a/b", "memory.max", "90\n")
	require.EqualValues(t, 0, grouped(root, "/a/b"), "over its limit")
	require.EqualValues(t, 1500, grouped(root, "/a"))
	require.EqualValues(t, Unlimited, grouped(root, "/other"))
	require.EqualValues(t, Unlimited, grouped(root, ""))
}

func TestAnswersAreNumbersOfThisMachine(t *testing.T) {
	require.Positive(t, Free())
	if runtime.GOOS == "linux" {
		require.Less(t, Free(), int64(1)<<50)
		require.Positive(t, mapped())
	}
	n, ok := field([]byte("MemTotal: 5 kB\nMemAvailable:   77 kB\n"), "MemAvailable:")
	require.True(t, ok)
	require.EqualValues(t, 77, n)
	_, ok = field([]byte("MemAvailable:\n"), "MemAvailable:")
	require.False(t, ok)
	require.Zero(t, number("no digits"))
	require.Zero(t, number("99999999999999999999"))
}

// Package headroom says how much more memory the process may take.
package headroom

import (
	"bytes"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// Unlimited is the headroom where nothing is known to limit it.
const Unlimited = math.MaxInt64

// Space returns the bytes of address space that the process may still map under RLIMIT_AS.
func Space() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &limit) != nil || limit.Cur > math.MaxInt64 {
		return Unlimited
	}
	return max(int64(limit.Cur)-mapped(), 0)
}

// Free returns the bytes that the process may still use: of address space, of the memory of its
// control group, and of the machine.
func Free() int64 { return min(Space(), grouped("/sys/fs/cgroup", ownGroup()), available()) }

// mapped returns the bytes of address space in use, 0 where the system does not say.
func mapped() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _, _ := bytes.Cut(text, []byte(" "))
	return number(string(pages)) * int64(os.Getpagesize())
}

// available returns the bytes that the machine can give without swapping.
func available() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Unlimited
	}
	kib, ok := field(text, "MemAvailable:")
	if !ok {
		return Unlimited
	}
	return kib << 10
}

// ownGroup returns the control group of the process, "" where there is none of version 2.
func ownGroup() string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if group, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(group)
		}
	}
	return ""
}

// grouped returns the bytes that a control group and those above it leave. Pages of files that
// were not used lately count as free: the system takes them back.
func grouped(root, group string) int64 {
	least := int64(Unlimited)
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		dir := path.Join(root, at)
		limit, err := os.ReadFile(path.Join(dir, "memory.max"))
		used, also := os.ReadFile(path.Join(dir, "memory.current"))
		if err == nil && also == nil && !bytes.HasPrefix(limit, []byte("max")) {
			stat, _ := os.ReadFile(path.Join(dir, "memory.stat")) // without it nothing is free
			cached, _ := field(stat, "inactive_file")
			left := number(string(limit)) - number(string(used)) + cached
			least = min(least, max(left, 0))
		}
		if at == "/" {
			return least
		}
	}
}

// field returns the number behind a name at the beginning of a line.
func field(text []byte, name string) (int64, bool) {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) > 1 && string(words[0]) == name {
			return number(string(words[1])), true
		}
	}
	return 0, false
}

// number reads digits, 0 from anything else.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

package simd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests of this file read the text of the arm64 assembly, so they run on every machine; what
// it computes is tested where it runs.

// neonSources returns the lines of every arm64 assembly file, by file name.
func neonSources(t *testing.T) map[string][]string {
	t.Helper()
	names, err := filepath.Glob("*_arm64.s")
	if err != nil || len(names) == 0 {
		t.Fatalf("no arm64 assembly found: %v", err)
	}
	sources := map[string][]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = strings.Split(string(text), "\n")
	}
	return sources
}

// Instructions written as numbers are compared with another assembler only where they stand in the
// header, by checks/arm64_words.py.
func TestNEONWordsStandInTheHeaderAndAreUsed(t *testing.T) {
	header, err := os.ReadFile("neon_arm64.h")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for name, lines := range neonSources(t) {
		for i, line := range lines {
			if regexp.MustCompile(`\b(WORD|BYTE|LONG)\b`).MatchString(line) {
				t.Errorf("%s:%d: a number where an instruction is expected", name, i+1)
			}
			all.WriteString(line + "\n")
		}
	}
	define := regexp.MustCompile(`(?m)^#define (\w+)\(.*WORD`)
	macros := define.FindAllStringSubmatch(string(header), -1)
	if len(macros) < 20 {
		t.Fatalf("%d macros found in the header, want all of them", len(macros))
	}
	for _, macro := range macros {
		if !regexp.MustCompile(`\b` + macro[1] + `\(`).MatchString(all.String()) {
			t.Errorf("neon_arm64.h: %s is used nowhere", macro[1])
		}
	}
}

// R18 belongs to the platform, R27 to Go's assembler, R28 holds the goroutine, R29 and R30 are the
// frame's and the return address.
func TestNEONAssemblyLeavesReservedRegistersAlone(t *testing.T) {
	reserved := regexp.MustCompile(`\b(R18|R2[789]|R30)\b`)
	for name, lines := range neonSources(t) {
		for i, line := range lines {
			if code, _, _ := strings.Cut(line, "//"); reserved.MatchString(code) {
				t.Errorf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// A kernel without go:noescape moves its arguments to the heap on every call.
func TestNEONKernelsAreDeclaredWithoutEscape(t *testing.T) {
	files, err := filepath.Glob("*_arm64.go")
	if err != nil {
		t.Fatal(err)
	}
	var declared strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		declared.Write(source)
	}
	kernel := regexp.MustCompile(`^TEXT ·(\w+)\(SB\), NOSPLIT, `)
	count := 0
	for name, lines := range neonSources(t) {
		for i, line := range lines {
			if !strings.HasPrefix(line, "TEXT") {
				continue
			}
			match := kernel.FindStringSubmatch(line)
			if match == nil {
				t.Fatalf("%s:%d: not a NOSPLIT kernel: %s", name, i+1, line)
			}
			if !strings.Contains(declared.String(), "//go:noescape\nfunc "+match[1]+"(") {
				t.Errorf("%s:%d: %s has no declaration with go:noescape", name, i+1, match[1])
			}
			count++
		}
	}
	if count < 15 {
		t.Fatalf("%d kernels found, want all of them", count)
	}
}

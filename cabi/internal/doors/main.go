// Command doors writes what ruvector.h says a second and a third time: the doors from C into Go
// (cabi/doors.c), and the structs and prototypes for Python's ctypes. Run it in the root of the
// checkout; make gen does.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

const (
	headerFile  = "cabi/ruvector.h"
	doorsFile   = "cabi/doors.c"
	structsFile = "python/ruvector/_native/structs.py"
)

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "doors:", err)
		os.Exit(1)
	}
}

// generate writes both files of the checkout at root, or none.
func generate(root string) error {
	text, err := readHeader(filepath.Join(root, headerFile))
	if err != nil {
		return err
	}
	h, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", headerFile, err)
	}
	s, err := readSources(filepath.Join(root, "cabi"))
	if err != nil {
		return err
	}
	doors, err := writeDoors(h, s)
	if err != nil {
		return err
	}
	structs, err := writeStructs(h)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, doorsFile), []byte(doors), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, structsFile), []byte(structs), 0o644)
}

// readHeader reads a header with the parts of ours that it includes in their places.
func readHeader(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	whole := included.ReplaceAllStringFunc(string(text), func(line string) string {
		part, e := readHeader(filepath.Join(filepath.Dir(path), included.FindStringSubmatch(line)[1]))
		if e != nil && err == nil {
			err = e
		}
		return part
	})
	return whole, err
}

var (
	included   = regexp.MustCompile(`(?m)^#include "(ruvector_\w+\.h)"$`)
	definition = regexp.MustCompile(`(?m)^\w[\w ]*[ *](rv_\w+)\([^;]*?\)\n\{`)
	export     = regexp.MustCompile(`(?m)^//export (go\w+)$`)
	call       = regexp.MustCompile(`\b(go[A-Z]\w*)\(`)
)

// readSources reads the C and Go files of a folder, but for what was generated.
func readSources(folder string) (sources, error) {
	s := sources{written: map[string]bool{}, called: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(folder, "*.[cg]*"))
	if err != nil {
		return s, err
	}
	for _, file := range files {
		if filepath.Base(file) == filepath.Base(doorsFile) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return s, err
		}
		switch filepath.Ext(file) {
		case ".c":
			for _, m := range definition.FindAllSubmatch(text, -1) {
				s.written[string(m[1])] = true
			}
			for _, m := range call.FindAllSubmatch(text, -1) {
				s.called[string(m[1])] = true
			}
		case ".go":
			for _, m := range export.FindAllSubmatch(text, -1) {
				s.exports = append(s.exports, string(m[1]))
			}
		}
	}
	return s, nil
}

// Command thirdparty writes THIRD_PARTY: every Go module that is linked into the library, its
// version, and the licence and notice files it ships.
//
// Run from the module root: `go run ./internal/thirdparty` writes the file,
// `go run ./internal/thirdparty -check` fails where the file on disk is not what would be written.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

const (
	tags   = "cshared,mallocator,arrow_json_stdlib"
	linked = "./cabi"      // the package whose closure is the shared library
	target = "THIRD_PARTY" // the file written, in the module root
	rule   = "\n================================================================================\n"
)

// module is one Go module of the closure; dir is its folder in the module cache.
type module struct{ path, version, dir string }

func main() {
	check := flag.Bool("check", false, "compare with the file on disk, write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

// run writes the file, or compares it.
func run(check bool) error {
	modules, err := closure()
	if err != nil {
		return err
	}
	text, err := compose(modules)
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(target, text, 0o644)
	}
	have, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, text) {
		return fmt.Errorf("%s is not what the imports of %s say; write it again with `make gen`",
			target, linked)
	}
	return nil
}

// closure lists the modules of every package that the library links, sorted by path.
func closure() ([]module, error) {
	format := "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
	command := exec.Command("go", "list", "-deps", "-tags", tags, "-f", format, linked)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	seen := map[string]module{}
	for _, line := range strings.Split(string(out), "\n") {
		if part := strings.Split(line, "\t"); len(part) == 3 {
			seen[part[0]] = module{part[0], part[1], part[2]}
		}
	}
	modules := make([]module, 0, len(seen))
	for _, m := range seen {
		modules = append(modules, m)
	}
	sort.Slice(modules, func(i, j int) bool { return modules[i].path < modules[j].path })
	return modules, nil
}

// compose returns the whole text: a list, then every licence in the same order.
func compose(modules []module) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("Software linked into the ruvector library, with its licences.\n")
	out.WriteString("Written by internal/thirdparty from the imports of cabi; do not edit.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&out, "  %s %s\n", m.path, m.version)
	}
	out.WriteString("  the Go standard library and runtime\n")
	for _, m := range modules {
		if err := licences(&out, m.path+" "+m.version, m.dir); err != nil {
			return nil, err
		}
	}
	toolchain, err := goroot()
	if err != nil {
		return nil, err
	}
	err = licences(&out, "the Go standard library and runtime", toolchain)
	return out.Bytes(), err
}

// goroot is the folder of the toolchain that builds the library.
func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

// licences appends the licence and notice files at the top of dir; one licence at least must exist.
func licences(out *bytes.Buffer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		upper := strings.ToUpper(entry.Name())
		isLicence := strings.HasPrefix(upper, "LICEN") || strings.HasPrefix(upper, "COPYING")
		if entry.IsDir() || !(isLicence || strings.HasPrefix(upper, "NOTICE")) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		found = found || isLicence
		fmt.Fprintf(out, "%s%s: %s%s\n%s\n", rule, name, entry.Name(), rule, bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s ships no licence file", name)
	}
	return nil
}

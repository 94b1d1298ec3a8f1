package tidy

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	modulePath = "github.com/ruvector/ruvector-arrow"
	maxLines   = 500
	maxColumns = 100
	maxBody    = 60 // lines of one function, its signature and closing brace included
)

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// sourceFile is one text file of the repository; name is slash-separated from the root.
type sourceFile struct {
	name string
	data []byte
}

// generated tells whether the file says that a program wrote it.
func (f sourceFile) generated() bool {
	head := f.data
	if len(head) > 400 {
		head = head[:400]
	}
	return generatedMark.Match(head)
}

// lines returns the text line by line, without the last empty one.
func (f sourceFile) lines() []string {
	return strings.Split(strings.TrimSuffix(string(f.data), "\n"), "\n")
}

// ext is the extension with its dot.
func (f sourceFile) ext() string { return path.Ext(f.name) }

// isTest tells whether the file exists for tests only.
func (f sourceFile) isTest() bool {
	return strings.HasSuffix(f.name, "_test.go") || strings.HasPrefix(f.name, "python/tests/") ||
		strings.HasPrefix(f.name, "arrowidx/arrowidxtest/") ||
		strings.HasPrefix(f.name, "lake/laketest/") ||
		strings.HasPrefix(f.name, "internal/peertest/") ||
		strings.HasPrefix(f.name, "agentclient/internal/agenttest/") ||
		strings.HasPrefix(f.name, "internal/tidy/")
}

var generatedMark = regexp.MustCompile(`Code generated .* DO NOT EDIT`)

var tree = sync.OnceValues(readTree)

// files returns every text file that is, or could be, committed.
func files(t *testing.T) []sourceFile {
	t.Helper()
	all, err := tree()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// readTree asks git for the names, so that what .gitignore names is left out.
func readTree() ([]sourceFile, error) {
	command := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		return nil, err
	}
	var all []sourceFile
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(data, 0) < 0 {
			all = append(all, sourceFile{name, data})
		}
	}
	return all, nil
}

// goFile is a parsed Go file.
type goFile struct {
	sourceFile
	set  *token.FileSet
	tree *ast.File
}

// line returns the line number of a node.
func (f goFile) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }

// folder is the file's package folder, slash-separated, from the root.
func (f goFile) folder() string { return path.Dir(f.name) }

// goFiles parses every Go file for which keep answers true.
func goFiles(t *testing.T, keep func(sourceFile) bool) []goFile {
	t.Helper()
	var parsed []goFile
	for _, f := range files(t) {
		if f.ext() != ".go" || !keep(f) {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, f.name, f.data, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, goFile{f, set, tree})
	}
	require.NotEmpty(t, parsed)
	return parsed
}

// handWritten keeps the Go files that people wrote and users link: no tests, nothing generated.
func handWritten(f sourceFile) bool { return !f.isTest() && !f.generated() }

// report fails the test once per finding.
func report(t *testing.T, found []string) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// codeExtensions are the kinds of file whose length and width are limited.
var codeExtensions = map[string]bool{
	".go": true, ".py": true, ".c": true, ".h": true, ".sh": true, ".map": true, ".toml": true,
}

func isCode(f sourceFile) bool {
	return codeExtensions[f.ext()] || path.Base(f.name) == "Makefile" || f.name == ".ci/run"
}

func TestHandWrittenFilesAreShort(t *testing.T) {
	var found []string
	for _, f := range files(t) {
		if n := len(f.lines()); isCode(f) && !f.generated() && n > maxLines {
			found = append(found, fmt.Sprintf("%s: %d lines, at most %d", f.name, n, maxLines))
		}
	}
	report(t, found)
}

func TestLinesFitTheScreen(t *testing.T) {
	var found []string
	for _, f := range files(t) {
		prose := f.ext() == ".md"
		if !(isCode(f) || prose) || f.generated() {
			continue
		}
		for i, line := range f.lines() {
			columns := utf8.RuneCountInString(line) // a tab is one, as linters count it
			wide := columns > maxColumns
			if wide && !(prose && strings.HasPrefix(line, "|")) {
				found = append(found, fmt.Sprintf("%s:%d: %d columns", f.name, i+1, columns))
			}
		}
	}
	report(t, found)
}

func TestGoFunctionsAreShort(t *testing.T) {
	var found []string
	for _, f := range goFiles(t, func(f sourceFile) bool { return !f.generated() }) {
		for _, declaration := range f.tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := f.set.Position(function.End()).Line - f.line(function) + 1
			if n > maxBody {
				found = append(found, fmt.Sprintf("%s:%d: %s has %d lines, at most %d",
					f.name, f.line(function), function.Name.Name, n, maxBody))
			}
		}
	}
	report(t, found)
}

func TestNoFileIsABlob(t *testing.T) {
	for _, f := range files(t) {
		if !strings.Contains(f.name, "testdata/") && path.Base(f.name) != "THIRD_PARTY" {
			assert.LessOrEqual(t, len(f.data), 256<<10, "%s: bytes", f.name)
		}
	}
}

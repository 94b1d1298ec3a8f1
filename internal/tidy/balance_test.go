package tidy

import (
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var blockComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// codeLines counts the lines of a Go or C file that hold more than a comment.
func codeLines(f sourceFile) int {
	if f.ext() == ".go" {
		return goLines(f.data)
	}
	count := 0
	for _, line := range strings.Split(blockComment.ReplaceAllString(string(f.data), ""), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			count++
		}
	}
	return count
}

// goLines counts lines with a token on them.
func goLines(source []byte) int {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(source))
	var words scanner.Scanner
	words.Init(file, source, nil, 0)
	used := map[int]bool{}
	for {
		position, kind, text := words.Scan()
		if kind == token.EOF {
			return len(used)
		}
		if kind == token.SEMICOLON && text == "\n" {
			continue
		}
		first := file.Line(position)
		for line := first; line <= first+strings.Count(text, "\n"); line++ {
			used[line] = true
		}
	}
}

// Comments and docstrings are counted on neither side: saying more about a name costs no test.
func TestThereIsAtLeastAsMuchTestAsSource(t *testing.T) {
	python := map[string]int{}
	askPython(t, "lines", &python)
	kinds := map[string]bool{".go": true, ".py": true, ".c": true, ".h": true}
	source, tests := map[string]int{}, map[string]int{}
	sourceTotal, testTotal := 0, 0
	for _, f := range files(t) {
		layer := layerOf(f.name)
		_, own := packageOf(path.Dir(f.name))
		generator := strings.HasPrefix(f.name, "simd/_gen/")
		if !(own != "" || layer == "python") || generator || f.generated() || !kinds[f.ext()] {
			continue
		}
		lines, isPython := python[f.name]
		if !isPython {
			lines = codeLines(f)
		}
		if f.isTest() {
			tests[layer] += lines
			testTotal += lines
		} else {
			source[layer] += lines
			sourceTotal += lines
		}
	}
	t.Logf("source %d lines %v, test %d lines %v", sourceTotal, source, testTotal, tests)
	assert.GreaterOrEqual(t, testTotal, sourceTotal)
}

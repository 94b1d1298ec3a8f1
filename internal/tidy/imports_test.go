package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// ranks are our packages from the leaves up. A package imports what stands in rows above its own;
// where it may import less, leaves says so. Commands under internal/ are imported by nothing.
var ranks = [][]string{
	{"simd", "fault"},
	{"internal/mem"},
	{"arrowidx/column", "text"},
	{"arrowidx/internal/topk", "arrowidx/internal/rabitq", "arrowidx/pca"},
	{"arrowidx/internal/segment"},
	{"arrowidx/internal/build"},
	{"arrowidx/internal/sketch"},
	{"arrowidx/internal/search"},
	{"arrowidx/internal/calibrate", "arrowidx/internal/nndescent", "arrowidx/internal/pairs",
		"arrowidx/internal/dedup"},
	{"arrowidx/internal/compact", "arrowidx/internal/format"},
	{"arrowidx"},
	{"arrowidx/arrowidxtest", "lake/parquet", "lake/bundle", "agentclient"},
	{"lake/score", "lake/backend"},
	{"lake/store", "lake/foreign", "lake/cache", "lake/laketest"},
	{"lake"},
	{"cabi"},
}

// leaves may import these of ours and no others.
var leaves = map[string][]string{
	"simd": {}, "fault": {}, "agentclient": {"fault"},
	"internal/mem": {"simd", "fault"}, "text": {"simd", "fault", "internal/mem"},
}

// mostFiles is the most source files of a package; simd has one for each operation and
// instruction set.
const mostFiles = 25

// packageOf returns the row of ranks that a folder belongs to and the package there, "" for a
// folder of none.
func packageOf(folder string) (int, string) {
	row, found := -1, ""
	for i, names := range ranks {
		for _, name := range names {
			if (folder == name || strings.HasPrefix(folder, name+"/")) && len(name) > len(found) {
				row, found = i, name
			}
		}
	}
	return row, found
}

// layerOf is the first folder of a slash-separated path.
func layerOf(folder string) string {
	layer, _, _ := strings.Cut(folder, "/")
	return layer
}

// imports returns the import paths of a file.
func imports(f goFile) []string {
	var paths []string
	for _, spec := range f.tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func anyGo(sourceFile) bool { return true }

func TestNothingImportsUpward(t *testing.T) {
	var found []string
	for _, f := range goFiles(t, anyGo) {
		row, own := packageOf(f.folder())
		for _, p := range imports(f) {
			ours, isOurs := strings.CutPrefix(p, modulePath+"/")
			if !isOurs || own == "" || strings.HasSuffix(f.name, "_test.go") {
				continue
			}
			rank, other := packageOf(ours)
			allowed, isLeaf := leaves[own]
			if other != own && (rank >= row || isLeaf && !slices.Contains(allowed, other)) {
				found = append(found, fmt.Sprintf("%s: %s imports %s", f.name, own, ours))
			}
		}
	}
	report(t, found)
}

func TestEveryPackageHasAPlace(t *testing.T) {
	var found []string
	for _, f := range goFiles(t, handWritten) {
		if _, own := packageOf(f.folder()); own == "" && !isCommand(f.folder()) {
			found = append(found, f.folder())
		}
	}
	report(t, found)
}

// isCommand tells whether a folder holds a program or the module's own tests.
func isCommand(folder string) bool {
	for _, name := range []string{"internal/tidy", "internal/thirdparty", "benchmarks", "checks"} {
		if folder == name || strings.HasPrefix(folder, name+"/") {
			return true
		}
	}
	return strings.Contains(folder, "_gen")
}

func TestPackagesAreSmall(t *testing.T) {
	files := map[string]int{}
	for _, f := range goFiles(t, handWritten) {
		if !strings.HasSuffix(f.name, "_test.go") && f.folder() != "simd" {
			files[f.folder()]++
		}
	}
	for folder, n := range files {
		if n > mostFiles {
			t.Errorf("%s: %d source files, at most %d", folder, n, mostFiles)
		}
	}
}

func TestOnlyCabiIsCgo(t *testing.T) {
	cgo := []string{"C", "runtime/cgo",
		"github.com/apache/arrow-go/v18/arrow/cdata",
		"github.com/apache/arrow-go/v18/arrow/memory/mallocator"}
	var found []string
	for _, f := range goFiles(t, anyGo) {
		for _, p := range imports(f) {
			for _, c := range cgo {
				if p == c && layerOf(f.folder()) != "cabi" {
					found = append(found, fmt.Sprintf("%s imports %q", f.name, p))
				}
			}
		}
	}
	report(t, found)
}

func TestUnsafeStaysInOneFileOfAPackage(t *testing.T) {
	users := map[string][]string{}
	for _, f := range goFiles(t, handWritten) {
		for _, p := range imports(f) {
			if p == "unsafe" {
				users[f.folder()] = append(users[f.folder()], f.name)
			}
		}
	}
	for folder, names := range users {
		sort.Strings(names)
		if len(names) > 1 {
			t.Errorf("%s: unsafe in %d files: %s", folder, len(names), strings.Join(names, " "))
		}
	}
}

func TestNoRandomNumbersOutsideTests(t *testing.T) {
	var found []string
	for _, f := range goFiles(t, handWritten) {
		for _, p := range imports(f) {
			if p == "math/rand" || p == "math/rand/v2" {
				found = append(found, fmt.Sprintf("%s imports %s", f.name, p))
			}
		}
	}
	report(t, found)
}

// callsRecover tells whether a body calls the built-in recover itself.
func callsRecover(body ast.Node) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			name, isName := call.Fun.(*ast.Ident)
			found = found || isName && name.Name == "recover"
		}
		return !found
	})
	return found
}

// recoverers returns "folder.function" for every function that calls recover.
func recoverers(parsed []goFile) map[string]bool {
	names := map[string]bool{}
	for _, f := range parsed {
		for _, declaration := range f.tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Body != nil && callsRecover(function.Body) {
				names[f.folder()+"."+function.Name.Name] = true
			}
		}
	}
	return names
}

// rootRecovers tells whether a goroutine's body defers a recover of its own.
func rootRecovers(body *ast.BlockStmt, folder string, known map[string]bool) bool {
	for _, statement := range body.List {
		deferred, ok := statement.(*ast.DeferStmt)
		if !ok {
			continue
		}
		switch callee := deferred.Call.Fun.(type) {
		case *ast.FuncLit:
			if callsRecover(callee.Body) {
				return true
			}
		case *ast.Ident:
			if known[folder+"."+callee.Name] {
				return true
			}
		case *ast.SelectorExpr:
			if known[folder+"."+callee.Sel.Name] {
				return true
			}
		}
	}
	return false
}

// bodyOf returns what a go statement runs: a literal's body, or that of a function of the package.
func bodyOf(start *ast.GoStmt, folder string, functions map[string]*ast.BlockStmt) *ast.BlockStmt {
	switch callee := start.Call.Fun.(type) {
	case *ast.FuncLit:
		return callee.Body
	case *ast.Ident:
		return functions[folder+"."+callee.Name]
	case *ast.SelectorExpr:
		return functions[folder+"."+callee.Sel.Name]
	}
	return nil
}

// A goroutine recovers at its root; or the package has one single place that starts goroutines,
// to be reviewed there, and recovers in what it runs.
func TestEveryGoroutineRecovers(t *testing.T) {
	parsed := goFiles(t, handWritten)
	known := recoverers(parsed)
	functions := map[string]*ast.BlockStmt{}
	packageRecovers := map[string]bool{}
	for _, f := range parsed {
		packageRecovers[f.folder()] = packageRecovers[f.folder()] || callsRecover(f.tree)
		for _, declaration := range f.tree.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
				functions[f.folder()+"."+function.Name.Name] = function.Body
			}
		}
	}
	places := map[string]int{}
	for _, f := range parsed {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			start, ok := n.(*ast.GoStmt)
			if !ok {
				return true
			}
			body := bodyOf(start, f.folder(), functions)
			if body != nil && rootRecovers(body, f.folder(), known) {
				return true
			}
			if places[f.folder()]++; places[f.folder()] > 1 || !packageRecovers[f.folder()] {
				t.Errorf("%s:%d: goroutine without a recover at its root", f.name, f.line(start))
			}
			return true
		})
	}
}

package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"
)

// finding formats one undocumented name.
func (f goFile) finding(n ast.Node, name string) string {
	return fmt.Sprintf("%s:%d: %s has no comment", f.name, f.line(n), name)
}

// receiver returns the type name of a method, "" for a function.
func receiver(function *ast.FuncDecl) string {
	if function.Recv == nil || len(function.Recv.List) == 0 {
		return ""
	}
	expression := function.Recv.List[0].Type
	if star, ok := expression.(*ast.StarExpr); ok {
		expression = star.X
	}
	if generic, ok := expression.(*ast.IndexExpr); ok {
		expression = generic.X
	}
	if name, ok := expression.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// functionFindings covers functions and methods of exported types. What cabi exports to C is
// documented where C reads it, in ruvector.h.
func functionFindings(f goFile, function *ast.FuncDecl) []string {
	owner := receiver(function)
	public := function.Name.IsExported() && (owner == "" || ast.IsExported(owner))
	if public && strings.TrimSpace(function.Doc.Text()) == "" {
		return []string{f.finding(function, function.Name.Name)}
	}
	return nil
}

// methodFindings: a method of an exported interface needs a comment. Fields of structs are spoken
// of in the comment of their type, or have one of their own where they need it.
func methodFindings(f goFile, spec *ast.TypeSpec) []string {
	body, ok := spec.Type.(*ast.InterfaceType)
	if !ok {
		return nil
	}
	var found []string
	for _, method := range body.Methods.List {
		for _, name := range method.Names {
			if name.IsExported() && method.Doc.Text()+method.Comment.Text() == "" {
				found = append(found, f.finding(name, spec.Name.Name+"."+name.Name))
			}
		}
	}
	return found
}

// valueFindings: a constant or variable needs a comment, its group's counts.
func valueFindings(f goFile, group *ast.GenDecl) []string {
	var found []string
	for _, s := range group.Specs {
		switch spec := s.(type) {
		case *ast.ValueSpec:
			documented := group.Doc.Text()+spec.Doc.Text()+spec.Comment.Text() != ""
			for _, name := range spec.Names {
				if name.IsExported() && !documented {
					found = append(found, f.finding(name, name.Name))
				}
			}
		case *ast.TypeSpec:
			if !spec.Name.IsExported() {
				continue
			}
			doc := group.Doc.Text() + spec.Doc.Text()
			if strings.TrimSpace(doc) == "" {
				found = append(found, f.finding(spec, spec.Name.Name))
			}
			found = append(found, methodFindings(f, spec)...)
		}
	}
	return found
}

func TestExportedGoNamesAreDocumented(t *testing.T) {
	var found []string
	for _, f := range goFiles(t, func(f sourceFile) bool { return !f.isTest() }) {
		for _, declaration := range f.tree.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				found = append(found, functionFindings(f, d)...)
			case *ast.GenDecl:
				found = append(found, valueFindings(f, d)...)
			}
		}
	}
	report(t, found)
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	described := map[string]bool{}
	noTest := func(f sourceFile) bool { return !strings.HasSuffix(f.name, "_test.go") }
	for _, f := range goFiles(t, noTest) {
		described[f.folder()] = described[f.folder()] || f.tree.Doc.Text() != ""
	}
	for folder, ok := range described {
		if !ok {
			t.Errorf("%s: no package comment", folder)
		}
	}
}

// A file that a comment names must exist: readers follow these names.
func TestFilesNamedInCommentsExist(t *testing.T) {
	name := regexp.MustCompile(`\b[a-z][a-z0-9_]*\.(?:go|h|md)\b`)
	bases := map[string]bool{}
	for _, f := range files(t) {
		bases[path.Base(f.name)] = true
	}
	for _, f := range goFiles(t, handWritten) {
		for _, group := range f.tree.Comments {
			for _, named := range name.FindAllString(group.Text(), -1) {
				if !bases[named] && named != "main.go" {
					t.Errorf("%s:%d: there is no %s", f.name, f.line(group), named)
				}
			}
		}
	}
}

package tidy

import (
	"fmt"
	"go/ast"
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

// typeName is the last name of a field's type, "" where it has none.
func typeName(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return typeName(e.X)
	}
	return ""
}

// fieldFindings: an exported field needs a comment of its own or of its group, its name in the
// comments above it, or a type that is called what it is called (whose comment then says it).
func fieldFindings(f goFile, spec *ast.TypeSpec, doc string) []string {
	var list *ast.FieldList
	switch body := spec.Type.(type) {
	case *ast.StructType:
		list = body.Fields
	case *ast.InterfaceType:
		list = body.Methods
	default:
		return nil
	}
	var found []string
	above, covered, last := "", false, 0
	for _, field := range list.List {
		// A comment covers the fields that follow it without an empty line.
		covered = covered && f.line(field) == last+1
		covered = covered || field.Doc.Text() != "" || field.Comment.Text() != ""
		last = f.set.Position(field.End()).Line
		above += field.Doc.Text() + field.Comment.Text()
		for _, name := range field.Names {
			own := covered || strings.Contains(typeName(field.Type), name.Name)
			word := regexp.MustCompile(`\b` + name.Name + `\b`)
			if name.IsExported() && !own && !word.MatchString(doc+above) {
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
			found = append(found, fieldFindings(f, spec, doc)...)
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

package main

import (
	"fmt"
	"slices"
	"strings"
)

// ctypes are the Python types of C's numbers.
var ctypes = map[string]string{
	"int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64",
	"double": "c_double",
}

// python writes the types of a header, and remembers which of ctypes' it named.
type python struct {
	*header
	used map[string]bool
}

// of returns the ctypes type of a value. Pointers travel as addresses or byref(), except that
// const char * takes bytes.
func (p *python) of(v variable) (string, error) {
	number := v.base
	if alias, ok := p.aliases[number]; ok {
		number = alias
	}
	name := ctypes[number]
	switch {
	case v.stars == 1 && v.base == "char" && v.constant && v.array == "":
		name = "c_char_p"
	case v.stars > 0 || v.array != "":
		name = "c_void_p"
	}
	if name == "" {
		return "", fmt.Errorf("%s %s has no type in ctypes", v.base, v.name)
	}
	p.used[name] = true
	return name, nil
}

// field is of for a field, which may be a struct itself.
func (p *python) field(v variable) (string, error) {
	ours := func(s structure) bool { return s.name == v.base }
	if v.stars == 0 && slices.ContainsFunc(p.structs, ours) {
		return className(v.base), nil
	}
	return p.of(v)
}

// className returns rv_search_params as SearchParams.
func className(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(strings.TrimPrefix(name, "rv_"), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return strings.ReplaceAll(b.String(), "Topk", "TopK")
}

// writeStructs returns structs.py: the structs and the prototypes of the header for ctypes, as ruff
// would format them.
func writeStructs(h *header) (string, error) {
	p := &python{h, map[string]bool{}}
	var body strings.Builder
	fmt.Fprintf(&body, "\nABI_MAJOR = %d\nABI_MINOR = %d\n", h.major, h.minor)
	for _, s := range h.structs {
		fmt.Fprintf(&body, "\n\nclass %s(Structure):\n    \"\"\"struct %s\"\"\"\n\n    _fields_ = [\n",
			className(s.name), s.name)
		for _, f := range s.fields {
			t, err := p.field(f)
			if err != nil {
				return "", fmt.Errorf("struct %s: %w", s.name, err)
			}
			fmt.Fprintf(&body, "        (%q, %s),\n", f.name, t)
		}
		body.WriteString("    ]\n")
	}
	body.WriteString("\n\n# Name -> (result, arguments). Pointers travel as addresses or byref().\n" +
		"PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {\n")
	for _, f := range h.functions {
		entry, err := p.prototype(f)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.name, err)
		}
		body.WriteString(entry)
	}
	body.WriteString("}\n")
	return "\"\"\"The structs and functions of ruvector.h.\n\n" +
		"Code generated from it by cabi/internal/doors; DO NOT EDIT.\n\"\"\"\n\n" +
		"from __future__ import annotations\n\n" + p.imports() + "from typing import Any\n" +
		body.String(), nil
}

// imports returns the import of what was used of ctypes; classes come first.
func (p *python) imports() string {
	var names []string
	for name := range p.used {
		names = append(names, name)
	}
	slices.Sort(names)
	one := "from ctypes import Structure, " + strings.Join(names, ", ") + "\n"
	if len(one) <= width+1 {
		return one
	}
	return "from ctypes import (\n    Structure,\n    " + strings.Join(names, ",\n    ") + ",\n)\n"
}

func (p *python) prototype(f function) (string, error) {
	result := "None"
	if f.result != "void" {
		var err error
		if result, err = p.of(variable{base: f.result, name: "(result)"}); err != nil {
			return "", err
		}
	}
	var args []string
	for _, a := range f.args {
		t, err := p.of(a)
		if err != nil {
			return "", err
		}
		args = append(args, t)
	}
	all := strings.Join(args, ", ")
	one := fmt.Sprintf("    %q: (%s, [%s]),", f.name, result, all)
	if len(one) > width {
		one = fmt.Sprintf("    %q: (\n        %s,\n        [%s],\n    ),", f.name, result, all)
	}
	return one + "\n", nil
}

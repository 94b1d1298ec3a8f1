package main

import (
	"fmt"
	"slices"
	"strings"
)

// width is the most columns of a line.
const width = 100

// sources are what people wrote of the library: the functions of the header in C, those that Go
// exports, and those of the latter that the C calls.
type sources struct {
	written map[string]bool
	exports []string
	called  map[string]bool
}

// writeDoors returns doors.c: for every function of the header that no hand-written file defines,
// a door into the Go function of the same name. Each export must have a door.
func writeDoors(h *header, s sources) (string, error) {
	names := map[string]string{}
	for _, name := range s.exports {
		names[strings.ToLower(strings.TrimPrefix(name, "go"))] = name
	}
	used := map[string]bool{}
	var b strings.Builder
	b.WriteString("/* Code generated from ruvector.h by cabi/internal/doors; DO NOT EDIT.\n" +
		" *\n" +
		" * The doors that need no care: each refuses a forked child, enters Go, and runs the\n" +
		" * releases that Go dropped meanwhile. Those that do are in shim.c. */\n" +
		"#include \"_cgo_export.h\"\n#include \"shim.h\"\n")
	for _, f := range h.functions {
		if s.written[f.name] {
			continue
		}
		goName, ok := names[strings.ReplaceAll(strings.TrimPrefix(f.name, "rv_"), "_", "")]
		if !ok {
			return "", fmt.Errorf("%s: neither a C file nor //export defines it", f.name)
		}
		used[goName] = true
		door, err := writeDoor(f, goName)
		if err != nil {
			return "", err
		}
		b.WriteString(door)
	}
	for _, name := range s.exports {
		if !used[name] && !s.called[name] {
			return "", fmt.Errorf("%s is exported, but no function of the header enters it", name)
		}
	}
	return b.String(), nil
}

func writeDoor(f function, goName string) (string, error) {
	last := slices.IndexFunc(f.args, func(a variable) bool { return a.isError() })
	if last < 0 || last != len(f.args)-1 || f.result != "int32_t" {
		return "", fmt.Errorf("%s: a door returns int32_t and takes an rv_error *error last", f.name)
	}
	var params, args []string
	for _, a := range f.args {
		params = append(params, a.declared())
		args = append(args, a.passed())
	}
	return "\n" + wrapped(f.result+" "+f.name+"(", params, ")", "    ") + "\n{\n" +
		wrapped("    ENTER("+goName+"(", args, "));", "        ") + "\n}\n", nil
}

func (v variable) isError() bool {
	return v.base == "rv_error" && v.stars == 1 && v.name == "error"
}

// declared returns a parameter as C.
func (v variable) declared() string {
	text := v.base + " " + strings.Repeat("*", v.stars) + v.name
	if strings.HasPrefix(v.base, "Arrow") {
		text = "struct " + text
	}
	if v.constant {
		text = "const " + text
	}
	if v.array != "" {
		text += "[" + v.array + "]"
	}
	return text
}

// passed returns an argument for Go, whose parameters know no const.
func (v variable) passed() string {
	if !v.constant || v.stars == 0 {
		return v.name
	}
	text := v.base + " " + strings.Repeat("*", v.stars)
	if strings.HasPrefix(v.base, "Arrow") {
		text = "struct " + text
	}
	return "(" + text + ")" + v.name
}

// wrapped joins parts with commas into lines of at most width columns; those after the first
// begin with indent.
func wrapped(begin string, parts []string, end, indent string) string {
	var lines []string
	line := begin
	for i, part := range parts {
		text := part + ","
		if i == len(parts)-1 {
			text = part + end
		}
		switch {
		case i == 0:
			line += text
		case len(line)+1+len(text) > width:
			lines, line = append(lines, line), indent+text
		default:
			line += " " + text
		}
	}
	return strings.Join(append(lines, line), "\n")
}

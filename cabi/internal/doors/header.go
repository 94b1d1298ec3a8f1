package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// header is what ruvector.h declares.
type header struct {
	major, minor int               // of the interface
	aliases      map[string]string // typedef of a number -> the number
	structs      []structure
	functions    []function
}

// structure is a struct of our own; those of Arrow are left out.
type structure struct {
	name   string
	fields []variable
}

// function is one that the library shows.
type function struct {
	name, result string
	args         []variable
}

// variable is a field or an argument.
type variable struct {
	name, base string // base: the type without const, stars and the word struct
	constant   bool   // what it points to is const
	stars      int
	array      string // the length of an array, "" for none
}

var (
	comments      = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cplusplus     = regexp.MustCompile(`(?ms)^#ifdef __cplusplus$.*?^#endif$`)
	versionText   = regexp.MustCompile(`(?m)^#define RV_ABI_VERSION 0x([0-9a-f]{4})([0-9a-f]{4})u$`)
	aliasText     = regexp.MustCompile(`^typedef (\w+) (rv_\w+)$`)
	structText    = regexp.MustCompile(`^typedef struct (rv_\w+) \{ (.*); \} (rv_\w+)$`)
	arrowText     = regexp.MustCompile(`^struct Arrow\w+ \{.*\}$`)
	enumText      = regexp.MustCompile(`^enum \{.*\}$`)
	functionText  = regexp.MustCompile(`^RV_API (\w+) (rv_\w+)\(([^()]*)\)$`)
	pointerText   = regexp.MustCompile(`^void \(\*(\w+)\)\([^()]*\)$`)
	variableText  = regexp.MustCompile(`^(const )?(struct )?(\w+) (\**)(\w+)(?:\[(\d+)\])?$`)
	declaratorOf  = regexp.MustCompile(`^(\**)(\w+)$`)
	starsAndSpace = regexp.MustCompile(`\*\s+`)
)

// parse reads a header. It knows the C that ruvector.h is written in, and refuses any other.
func parse(text string) (*header, error) {
	text = cplusplus.ReplaceAllString(comments.ReplaceAllString(text, " "), "")
	h := &header{aliases: map[string]string{}}
	version := versionText.FindStringSubmatch(text)
	if version == nil {
		return nil, fmt.Errorf("no #define RV_ABI_VERSION of eight digits")
	}
	h.major, h.minor = hex(version[1]), hex(version[2])
	declarations, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, d := range declarations {
		if err := h.declare(d); err != nil {
			return nil, err
		}
	}
	return h, h.check()
}

func hex(digits string) int {
	n, _ := strconv.ParseInt(digits, 16, 32) // four digits, as the pattern says
	return int(n)
}

// split returns what ends in a semicolon outside of braces, in one line each and with one space
// between words. Lines of the preprocessor are left out.
func split(text string) ([]string, error) {
	var code strings.Builder
	for _, line := range strings.Split(text, "\n") {
		directive := strings.HasPrefix(line, "#")
		if strings.HasSuffix(line, `\`) {
			return nil, fmt.Errorf("%q goes on in the next line, which is not understood", line)
		}
		if !directive {
			code.WriteString(line + "\n")
		}
	}
	var found []string
	depth, begin := 0, 0
	text = code.String()
	for i, c := range text {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ';' && depth == 0:
			found = append(found, oneLine(text[begin:i]))
			begin = i + 1
		}
		if depth < 0 {
			return nil, fmt.Errorf("a brace too many after %q", oneLine(text[begin:i]))
		}
	}
	if rest := oneLine(text[begin:]); rest != "" {
		return nil, fmt.Errorf("%q does not end", rest)
	}
	return found, nil
}

func oneLine(text string) string {
	return starsAndSpace.ReplaceAllString(strings.Join(strings.Fields(text), " "), "*")
}

// declare adds one declaration to the header.
func (h *header) declare(text string) error {
	if arrowText.MatchString(text) || enumText.MatchString(text) {
		return nil
	}
	if m := aliasText.FindStringSubmatch(text); m != nil {
		h.aliases[m[2]] = m[1]
		return nil
	}
	if m := structText.FindStringSubmatch(text); m != nil && m[1] == m[3] {
		fields, err := parseFields(m[2])
		if err != nil {
			return fmt.Errorf("struct %s: %w", m[1], err)
		}
		h.structs = append(h.structs, structure{name: m[1], fields: fields})
		return nil
	}
	if m := functionText.FindStringSubmatch(text); m != nil {
		args, err := parseArguments(m[3])
		if err != nil {
			return fmt.Errorf("%s: %w", m[2], err)
		}
		h.functions = append(h.functions, function{name: m[2], result: m[1], args: args})
		return nil
	}
	return fmt.Errorf("%q is not understood", text)
}

func parseArguments(text string) ([]variable, error) {
	if text == "void" {
		return nil, nil
	}
	var args []variable
	for _, arg := range strings.Split(text, ",") {
		v, err := parseVariable(strings.TrimSpace(arg))
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

// parseFields reads "int64_t a, b; const char *c, *d" and pointers to functions, which are void *.
func parseFields(text string) ([]variable, error) {
	var fields []variable
	for _, line := range strings.Split(text, ";") {
		line = strings.TrimSpace(line)
		if m := pointerText.FindStringSubmatch(line); m != nil {
			fields = append(fields, variable{name: m[1], base: "void", stars: 1})
			continue
		}
		parts := strings.Split(line, ",")
		first, err := parseVariable(parts[0])
		if err != nil {
			return nil, err
		}
		if first.array != "" {
			return nil, fmt.Errorf("%q: an array in a struct is not understood", line)
		}
		fields = append(fields, first)
		for _, more := range parts[1:] {
			m := declaratorOf.FindStringSubmatch(strings.TrimSpace(more))
			if m == nil {
				return nil, fmt.Errorf("%q is not understood", line)
			}
			fields = append(fields, variable{name: m[2], base: first.base,
				constant: first.constant, stars: len(m[1])})
		}
	}
	return fields, nil
}

// parseVariable reads "const struct ArrowArray *array" and "int64_t counts[2]".
func parseVariable(text string) (variable, error) {
	m := variableText.FindStringSubmatch(text)
	if m == nil {
		return variable{}, fmt.Errorf("%q is not understood", text)
	}
	v := variable{name: m[5], base: m[3], constant: m[1] != "", stars: len(m[4]), array: m[6]}
	if isArrow := strings.HasPrefix(v.base, "Arrow"); isArrow != (m[2] != "") {
		return v, fmt.Errorf("%q: the word struct stands before Arrow's structs and no others", text)
	}
	return v, nil
}

// check refuses types that nothing declares, and values that are only ever pointed to.
func (h *header) check() error {
	known := map[string]bool{"char": true, "void": true, "float": true, "uint8_t": true,
		"ArrowArray": true, "ArrowSchema": true, "ArrowArrayStream": true}
	for name := range ctypes {
		known[name] = true
	}
	for name, number := range h.aliases {
		if ctypes[number] == "" {
			return fmt.Errorf("%s is a %s, which is no number", name, number)
		}
		known[name] = true
	}
	for _, s := range h.structs {
		for _, f := range s.fields {
			if !known[f.base] {
				return fmt.Errorf("struct %s: %s is a %s, which is not known", s.name, f.name, f.base)
			}
		}
		known[s.name] = true
	}
	for _, f := range h.functions {
		for _, a := range f.args {
			if !known[a.base] {
				return fmt.Errorf("%s: %s is a %s, which is not known", f.name, a.name, a.base)
			}
		}
	}
	return nil
}

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small wraps declarations in what every header has.
func small(declarations string) string {
	return "/* What it is. */\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n" +
		"#define RV_ABI_VERSION 0x00030001u\ntypedef uint64_t rv_handle;\n" +
		"typedef struct rv_error {\n    uint32_t size;\n} rv_error;\n" + declarations +
		"\n#ifdef __cplusplus\n}\n#endif\n"
}

func read(t *testing.T, declarations string) *header {
	t.Helper()
	h, err := parse(small(declarations))
	require.NoError(t, err)
	return h
}

func TestTheVersionIsReadInTwoHalves(t *testing.T) {
	h := read(t, "")
	assert.Equal(t, []int{3, 1}, []int{h.major, h.minor})
	assert.Equal(t, map[string]string{"rv_handle": "uint64_t"}, h.aliases)
}

func TestFieldsAreReadOneByOne(t *testing.T) {
	h := read(t, `
typedef struct rv_thing {
    uint32_t size, pad; /* a comment; with a semicolon */
    const char *name, *format;
    struct ArrowSchema **children;
    void (*release)(struct rv_thing *);
    rv_error inner;
} rv_thing;`)
	require.Len(t, h.structs, 2)
	assert.Equal(t, structure{name: "rv_thing", fields: []variable{
		{name: "size", base: "uint32_t"},
		{name: "pad", base: "uint32_t"},
		{name: "name", base: "char", constant: true, stars: 1},
		{name: "format", base: "char", constant: true, stars: 1},
		{name: "children", base: "ArrowSchema", stars: 2},
		{name: "release", base: "void", stars: 1},
		{name: "inner", base: "rv_error"},
	}}, h.structs[1])
}

func TestArgumentsKeepPointersConstAndArrays(t *testing.T) {
	h := read(t, `
RV_API int32_t rv_do(rv_handle index, const struct ArrowArray *array, void * out,
    const uint32_t *groups, struct ArrowSchema **all, uint64_t sums[2],
    rv_error *error);
RV_API int64_t rv_live(void);`)
	assert.Equal(t, []function{
		{name: "rv_do", result: "int32_t", args: []variable{
			{name: "index", base: "rv_handle"},
			{name: "array", base: "ArrowArray", constant: true, stars: 1},
			{name: "out", base: "void", stars: 1},
			{name: "groups", base: "uint32_t", constant: true, stars: 1},
			{name: "all", base: "ArrowSchema", stars: 2},
			{name: "sums", base: "uint64_t", array: "2"},
			{name: "error", base: "rv_error", stars: 1},
		}},
		{name: "rv_live", result: "int64_t"},
	}, h.functions)
}

func TestArrowsStructsAndEnumsAreLeftOut(t *testing.T) {
	h := read(t, "struct ArrowThing {\n    int (*get)(struct ArrowThing *, int);\n};\n"+
		"enum { RV_OK = 0, RV_BAD = 1 };")
	assert.Len(t, h.structs, 1)
	assert.Empty(t, h.functions)
}

func TestOtherCIsRefused(t *testing.T) {
	for what, declaration := range map[string]string{
		"a type of two words":      "RV_API int32_t rv_f(unsigned int n);",
		"an argument without name": "RV_API int32_t rv_f(int32_t);",
		"no arguments, not void":   "RV_API int32_t rv_f();",
		"a result of two words":    "RV_API const char *rv_f(void);",
		"a const pointer":          "RV_API int32_t rv_f(char *const name);",
		"a callback":               "RV_API int32_t rv_f(void (*done)(void));",
		"varying arguments":        "RV_API int32_t rv_f(int32_t n, ...);",
		"a type nobody knows":      "RV_API int32_t rv_f(size_t n);",
		"a struct nobody knows":    "RV_API int32_t rv_f(rv_nothing *n);",
		"a function not exported":  "int32_t rv_f(int32_t n);",
		"a body":                   "static int32_t rv_f(int32_t n) { return n; }",
		"a variable":               "extern int32_t rv_n;",
		"a name not ours":          "RV_API int32_t f(int32_t n);",
		"struct before ours":       "RV_API int32_t rv_f(struct rv_error *error);",
		"no struct before Arrow's": "RV_API int32_t rv_f(ArrowArray *array);",
		"two names of a struct":    "typedef struct rv_a {\n    int32_t n;\n} rv_b;",
		"an array in a struct":     "typedef struct rv_a {\n    int32_t n[2];\n} rv_a;",
		"a second array":           "typedef struct rv_a {\n    int32_t n, m[2];\n} rv_a;",
		"a bit field":              "typedef struct rv_a {\n    int32_t n : 3;\n} rv_a;",
		"a struct before its own":  "typedef struct rv_a {\n    rv_a *next;\n} rv_a;",
		"a union":                  "typedef union rv_a {\n    int32_t n;\n} rv_a;",
		"an alias of no number":    "typedef char rv_text;",
		"no end":                   "RV_API int32_t rv_f(int32_t n)",
		"a brace too many":         "};",
		"a macro of two lines":     "#define RV_F \\\n    1",
	} {
		_, err := parse(small(declaration))
		assert.Error(t, err, what)
	}
	_, err := parse("typedef uint64_t rv_handle;")
	assert.ErrorContains(t, err, "RV_ABI_VERSION")
}

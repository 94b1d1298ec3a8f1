package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func doorsOf(t *testing.T, declarations string, s sources) (string, error) {
	t.Helper()
	return writeDoors(read(t, declarations), s)
}

func TestADoorEntersTheGoFunctionOfItsName(t *testing.T) {
	text, err := doorsOf(t, `
RV_API int32_t rv_pca_start(rv_handle column, int64_t dims, float *out, rv_handle *task,
    rv_error *error);
RV_API int32_t rv_index_ids(rv_handle index, const struct ArrowArray *a, const char *s,
    uint64_t out[2], rv_error *error);
RV_API int64_t rv_live(void);`,
		sources{written: map[string]bool{"rv_live": true},
			exports: []string{"goPCAStart", "goIndexIDs", "goColumnImport"},
			called:  map[string]bool{"goColumnImport": true}})
	require.NoError(t, err)
	_, doors, _ := strings.Cut(text, "#include \"shim.h\"\n")
	assert.Equal(t, `
int32_t rv_pca_start(rv_handle column, int64_t dims, float *out, rv_handle *task, rv_error *error)
{
    ENTER(goPCAStart(column, dims, out, task, error));
}

int32_t rv_index_ids(rv_handle index, const struct ArrowArray *a, const char *s, uint64_t out[2],
    rv_error *error)
{
    ENTER(goIndexIDs(index, (struct ArrowArray *)a, (char *)s, out, error));
}
`, doors)
}

func TestEveryFunctionHasADoorAndEveryExportIsEntered(t *testing.T) {
	_, err := doorsOf(t, "RV_API int32_t rv_free(rv_handle handle, rv_error *error);", sources{})
	assert.ErrorContains(t, err, "rv_free: neither")
	_, err = doorsOf(t, "", sources{exports: []string{"goFree"}})
	assert.ErrorContains(t, err, "goFree is exported")
}

func TestWhatADoorCannotBeIsRefused(t *testing.T) {
	s := sources{exports: []string{"goFree"}}
	for _, declaration := range []string{
		"RV_API int64_t rv_free(rv_handle handle, rv_error *error);",
		"RV_API int32_t rv_free(rv_handle handle);",
		"RV_API int32_t rv_free(void);",
		"RV_API int32_t rv_free(rv_error *error, rv_handle handle);",
		"RV_API int32_t rv_free(rv_handle handle, rv_error *other);",
	} {
		_, err := doorsOf(t, declaration, s)
		assert.ErrorContains(t, err, "rv_free: a door", declaration)
	}
}

func TestLongLinesAreWrapped(t *testing.T) {
	long := strings.Repeat("x", 40)
	assert.Equal(t, "f("+long+", "+long+",\n    "+long+");",
		wrapped("f(", []string{long, long, long}, ");", "    "))
	for _, line := range strings.Split(wrapped("f(", []string{long, long, long, long}, ")", " "),
		"\n") {
		assert.LessOrEqual(t, len(line), width)
	}
	assert.Equal(t, "f(a)", wrapped("f(", []string{"a"}, ")", "    "))
}

func TestStructsAndPrototypesForPython(t *testing.T) {
	text, err := writeStructs(read(t, `
typedef struct rv_topk {
    int64_t k;
    const char *name;
    char *text;
    rv_error inner;
} rv_topk;
RV_API void rv_init(void *pointer);
RV_API int32_t rv_do(rv_handle index, const char *path, const char **paths, const rv_topk *top,
    double out[5], rv_error *error);`))
	require.NoError(t, err)
	assert.Equal(t, `"""The structs and functions of ruvector.h.

Code generated from it by cabi/internal/doors; DO NOT EDIT.
"""

from __future__ import annotations

from ctypes import Structure, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

ABI_MAJOR = 3
ABI_MINOR = 1


class Error(Structure):
    """struct rv_error"""

    _fields_ = [
        ("size", c_uint32),
    ]


class TopK(Structure):
    """struct rv_topk"""

    _fields_ = [
        ("k", c_int64),
        ("name", c_char_p),
        ("text", c_void_p),
        ("inner", Error),
    ]


# Name -> (result, arguments). Pointers travel as addresses or byref().
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "rv_init": (None, [c_void_p]),
    "rv_do": (c_int32, [c_uint64, c_char_p, c_void_p, c_void_p, c_void_p, c_void_p]),
}
`, text)
}

func TestWhatCtypesHasNoTypeForIsRefused(t *testing.T) {
	for _, declaration := range []string{
		"RV_API int32_t rv_f(char c, rv_error *error);",
		"RV_API int32_t rv_f(rv_error error);",
		"RV_API char rv_f(void);",
		"typedef struct rv_a {\n    char c;\n} rv_a;",
		"typedef struct rv_a {\n    void v;\n} rv_a;",
	} {
		_, err := writeStructs(read(t, declaration))
		assert.ErrorContains(t, err, "has no type in ctypes", declaration)
	}
}

// copied makes a checkout of what the generator reads.
func copied(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "cabi"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, structsFile)), 0o755))
	files, err := filepath.Glob("../../*.[cgh]*")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "cabi", filepath.Base(file)), text, 0o644))
	}
	return root
}

func TestTheFilesOfThisCheckoutAreWhatTheHeaderSays(t *testing.T) {
	root := copied(t)
	require.NoError(t, os.Remove(filepath.Join(root, doorsFile)), "it must not be needed")
	require.NoError(t, generate(root))
	for _, name := range []string{doorsFile, structsFile} {
		want, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join("../../..", name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(have), "%s: run make gen", name)
	}
}

func TestAFunctionOfTheHeaderThatNobodyWroteIsNamed(t *testing.T) {
	root := copied(t)
	header := filepath.Join(root, headerFile)
	text, err := os.ReadFile(header)
	require.NoError(t, err)
	more := strings.Replace(string(text), "RV_API int32_t rv_free(",
		"RV_API int32_t rv_more(rv_error *error);\nRV_API int32_t rv_free(", 1)
	require.NoError(t, os.WriteFile(header, []byte(more), 0o644))
	require.ErrorContains(t, generate(root), "rv_more")
	_, err = os.Stat(filepath.Join(root, structsFile))
	assert.True(t, os.IsNotExist(err), "nothing was written")
}

func TestPartsOfTheHeaderAreReadWhereTheyAreIncluded(t *testing.T) {
	root := copied(t)
	part := filepath.Join(root, "cabi", "ruvector_text.h")
	text, err := os.ReadFile(part)
	require.NoError(t, err)
	more := strings.Replace(string(text), "RV_API int32_t rv_embed(",
		"RV_API int32_t rv_more(rv_error *error);\nRV_API int32_t rv_embed(", 1)
	require.NoError(t, os.WriteFile(part, []byte(more), 0o644))
	require.ErrorContains(t, generate(root), "rv_more")
	require.NoError(t, os.Remove(part))
	require.ErrorContains(t, generate(root), "ruvector_text.h")
}

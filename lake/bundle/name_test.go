package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	for name, word := range map[string]string{
		"../escape": "'/'", "../../etc/passwd": "'/'", "./secret": "'/'", "": "empty",
		"/absolute": "'/'", "sub/foo": "'/'", `back\slash`: `'\\'`, ".": "folder", "..": "folder",
		"a\x00b": "U+0000", "a\nb": "U+000A", "C:name": "':'", "a\x7f": "U+007F",
		"a\u0085b": "U+0085", "a\u200bb": "U+200B", "a\u202eb": "U+202E", "a\u00a0b": "U+00A0",
		"a\ufeffb": "U+FEFF", "\ufffd": "U+FFFD", "a\xffb": "UTF-8", "\xed\xa0\x80": "UTF-8",
		"e\u0301": "normal form", "\u212b": "normal form", "a.": "ends", "a ": "ends", "...": "ends",
		"con": "device", "CON": "device", "Nul.txt": "device", "aux .x": "device", "COM1": "device",
		"lpt9.a.b": "device", "com¹": "device", "CONIN$": "device",
		strings.Repeat("x", 256): "256 bytes", strings.Repeat("é", 128): "256 bytes",
	} {
		requireKind(t, CheckName(name), fault.LakeError, word)
	}
}

func TestNamesThatAreFileNamesPass(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"docs", "docs 2026", ".hidden", "a.b.c", "été", "文档", "console",
		"com", "com10", "comX", "lpt", "nullable", "a*b?", "~", "-rf", "☂", "x\u0323",
		strings.Repeat("x", 255)} {
		require.NoError(t, CheckName(name), name)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	found, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, found, 18, "each is a file of its own in the folder")
}

package bundle

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ruvector/ruvector-arrow/fault"
)

// maxName is the most bytes of a name, as file systems have it.
const maxName = 255

// devices are names that Windows keeps for itself, in any case and with any ending.
var devices = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true,
}

// CheckName refuses what cannot be the name of a collection on every store: a name is 1 to 255
// bytes of UTF-8 in normal form C, printable, with none of / \ :, not "." or "..", with no dot or
// space at its end, and no name of a Windows device. Names that pass can be file names anywhere.
//
// Errors: LakeError that says what is wrong.
func CheckName(name string) error {
	wrong := wrongName(name)
	if wrong == "" {
		return nil
	}
	return fault.New(fault.LakeError, "collection",
		fmt.Sprintf("the name %s %s", shown(name), wrong), "choose another name")
}

func wrongName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(name), maxName)
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case name == "." || name == "..":
		return "is that of a folder"
	}
	for i, r := range name {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return fmt.Sprintf("has an unprintable character, %U, at byte %d", r, i)
		}
		if strings.ContainsRune(`/\:`, r) {
			return fmt.Sprintf("has %q at byte %d, which file systems give a meaning", r, i)
		}
	}
	if !norm.NFC.IsNormalString(name) {
		return "is not in normal form C: two names that look alike would be different"
	}
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return "ends with a dot or a space, which some file systems drop"
	}
	if isDevice(name) {
		return "is that of a device on Windows"
	}
	return ""
}

// isDevice reports whether Windows takes a name for a device: what follows the first dot, and
// spaces before it, do not count.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	stem = strings.TrimRight(stem, " ")
	if devices[stem] {
		return true
	}
	number, found := strings.CutPrefix(stem, "com")
	if !found {
		number, found = strings.CutPrefix(stem, "lpt")
	}
	return found && utf8.RuneCountInString(number) == 1 &&
		strings.Contains("0123456789¹²³", number)
}

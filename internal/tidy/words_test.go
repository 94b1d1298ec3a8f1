package tidy

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// banned words, each with the reason; spelled in halves so that this file passes its own test.
var banned = map[string]string{
	`/ro` + `ot/|/ho` + `me/\w|/wo` + `rk/|/Us` + `ers/\w`:   "a path of somebody's machine",
	`\bTO` + `DO\b|\bFIX` + `ME\b|\bXX` + `X\b`:              "an open end",
	`py` + `pi\.org|proxy\.go` + `lang|registry\.np` + `mjs`: "the host of a registry",
}

func TestNoBannedWords(t *testing.T) {
	var found []string
	for pattern, reason := range banned {
		word := regexp.MustCompile(pattern)
		for _, f := range files(t) {
			if path.Base(f.name) == "THIRD_PARTY" {
				continue
			}
			for i, line := range f.lines() {
				if word.MatchString(line) {
					found = append(found, fmt.Sprintf("%s:%d: %s: %s", f.name, i+1, reason,
						strings.TrimSpace(line)))
				}
			}
		}
	}
	report(t, found)
}

func TestNamesSayWhatIsInside(t *testing.T) {
	vague := regexp.MustCompile(`(?i)(^|[_/])(utils?|commons?|helpers?|managers?|misc)([_./]|$)`)
	for _, f := range files(t) {
		assert.False(t, vague.MatchString(f.name), "%s: a name that says nothing", f.name)
	}
}

// The rules must be able to fail: each pattern finds a line that breaks it.
func TestBannedWordsAreFoundWhereTheyAre(t *testing.T) {
	lines := []string{"see /ro" + "ot/x", "https://py" + "pi.org/simple", "// TO" + "DO later"}
	for _, line := range lines {
		hits := 0
		for pattern := range banned {
			if regexp.MustCompile(pattern).MatchString(line) {
				hits++
			}
		}
		require.Equal(t, 1, hits, line)
	}
}

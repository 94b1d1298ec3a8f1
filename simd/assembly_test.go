//go:build amd64 && !purego

package simd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	vectorRegister = regexp.MustCompile(`\b[XYZ][0-9]+\b`)
	wideRegister   = regexp.MustCompile(`\b(Z[0-9]+|K[0-7])\b`)
)

// testedAVX2 are the features that the tier asks the CPU for; CMOV and the prefetches, which the
// generator calls MMX+, are part of every amd64.
var testedAVX2 = map[string]bool{"AVX": true, "AVX2": true, "FMA3": true, "F16C": true,
	"CMOV": true, "MMX+": true}

// testedAVX512 are those of the AVX-512 tier beside them, and VNNI and VPOPCNTDQ, by which the
// kernels that need them are chosen.
var testedAVX512 = map[string]bool{"AVX512F": true, "AVX512BW": true, "AVX512VL": true,
	"AVX512DQ": true, "BMI2": true, "POPCNT": true, "AVX512VNNI": true, "AVX512VPOPCNTDQ": true}

// One legacy-SSE instruction among AVX code with dirty upper halves costs a hundred nanoseconds on
// some CPUs, and so does Go code after a kernel that leaves them dirty.
func TestAssemblyNeedsNoMoreThanItsTierAndCleansUp(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly found: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wide, before := strings.Contains(file, "512"), ""
		for i, line := range strings.Split(string(text), "\n") {
			if needs, ok := strings.CutPrefix(line, "// Requires: "); ok {
				for _, feature := range strings.Split(needs, ", ") {
					if !testedAVX2[feature] && !(wide && testedAVX512[feature]) {
						t.Errorf("%s:%d: %s is not part of the tier's test", file, i+1, feature)
					}
				}
			}
			fields := strings.Fields(line)
			if len(fields) == 0 || strings.HasPrefix(fields[0], "//") {
				continue
			}
			if vectorRegister.MatchString(line) && !strings.HasPrefix(fields[0], "V") {
				t.Errorf("%s:%d: %s is a legacy-SSE instruction", file, i+1, fields[0])
			}
			if !wide && wideRegister.MatchString(line) {
				t.Errorf("%s:%d: %s needs AVX-512", file, i+1, strings.TrimSpace(line))
			}
			if fields[0] == "RET" && before != "VZEROUPPER" {
				t.Errorf("%s:%d: RET after %s, not VZEROUPPER", file, i+1, before)
			}
			before = fields[0]
		}
	}
}

package simd

import (
	"fmt"
	"os"
	"strings"
)

// Tier names a set of kernels. The numbers are stable; new tiers are appended.
type Tier uint8

const (
	// Pure is plain Go, present everywhere.
	Pure Tier = iota
	// AVX2 needs AVX2, FMA and F16C on amd64.
	AVX2
	// AVX512 needs what AVX2 needs and AVX-512 F, BW, VL and DQ, and BMI2, on amd64.
	AVX512
	// NEON needs the vector unit of arm64.
	NEON
)

// tierVariable is the environment variable that chooses the tier at start.
const tierVariable = "RUVECTOR_SIMD"

var tierNames = [...]string{Pure: "pure", AVX2: "avx2", AVX512: "avx512", NEON: "neon"}

// String returns the name that ParseTier accepts.
func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return fmt.Sprintf("tier(%d)", uint8(t))
}

// ParseTier reads a tier's name: "pure", "avx2", "avx512" or "neon". The error says which names
// exist.
func ParseTier(name string) (Tier, error) {
	for t, n := range tierNames {
		if n == name {
			return Tier(t), nil
		}
	}
	return Pure, fmt.Errorf("simd: unknown tier %q, want one of %s",
		name, strings.Join(tierNames[:], ", "))
}

// active and startErr are set before any init function of the package runs.
var active, startErr = startTier(os.Getenv(tierVariable))

// setters are the functions that point each group's kernels at a tier.
var setters []func(Tier)

// register adds the setter of one group of kernels and applies the tier in force. It is called
// from init functions only, in any order.
func register(set func(Tier)) {
	setters = append(setters, set)
	set(active)
}

// startTier chooses the tier at start: the named one, or the best when none is named. A name that
// is unknown or not available here gives the best tier and an error.
func startTier(name string) (Tier, error) {
	all := Available()
	best := all[len(all)-1]
	if name == "" {
		return best, nil
	}
	t, err := ParseTier(name)
	if err == nil {
		err = checkTier(t)
	}
	if err != nil {
		return best, fmt.Errorf("%s=%s ignored, using %s: %w", tierVariable, name, best, err)
	}
	return t, nil
}

// StartError reports why the tier named by the environment variable RUVECTOR_SIMD was not used at
// start; nil when it was, or when none was named.
func StartError() error { return startErr }

// Active returns the tier in force.
func Active() Tier { return active }

// Available returns the tiers this machine and this build can run, worst first. Pure is always
// the first.
func Available() []Tier {
	tiers := []Tier{Pure}
	if hasAVX2() {
		tiers = append(tiers, AVX2)
	}
	if hasAVX512() {
		tiers = append(tiers, AVX512)
	}
	if hasNEON() {
		tiers = append(tiers, NEON)
	}
	return tiers
}

// SetTier makes all kernels of the package run on tier t. It fails, and changes nothing, when t is
// not in Available. It must not run at the same time as any kernel or another SetTier.
func SetTier(t Tier) error {
	if err := checkTier(t); err != nil {
		return err
	}
	active = t
	for _, set := range setters {
		set(t)
	}
	return nil
}

func checkTier(t Tier) error {
	all := Available()
	for _, a := range all {
		if a == t {
			return nil
		}
	}
	return fmt.Errorf("simd: tier %s is not available here, only %v", t, all)
}

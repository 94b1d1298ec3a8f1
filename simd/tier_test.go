package simd

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRequiredTierIsTheOneInForce is how continuous integration proves that a kernel set ran.
func TestRequiredTierIsTheOneInForce(t *testing.T) {
	name := os.Getenv("RUVECTOR_REQUIRE")
	if name == "" {
		t.Skip("RUVECTOR_REQUIRE names no tier")
	}
	want, err := ParseTier(name)
	if err != nil {
		t.Fatal(err)
	}
	if Active() != want {
		t.Fatalf("tier %s is required, %s is in force (available: %v, features: %s)",
			want, Active(), Available(), strings.Join(Features(), " "))
	}
}

func TestTierNamesRoundTrip(t *testing.T) {
	for _, tier := range []Tier{Pure, AVX2, AVX512, NEON} {
		if got, err := ParseTier(tier.String()); err != nil || got != tier {
			t.Errorf("%s reads back as %v, %v", tier, got, err)
		}
	}
	if _, err := ParseTier("sse9"); err == nil || !strings.Contains(err.Error(), "avx2") {
		t.Errorf("an unknown name gives %v, want an error that lists the names", err)
	}
	if s := Tier(200).String(); s != "tier(200)" {
		t.Errorf("an unknown tier prints as %q", s)
	}
}

func TestSetTierRefusesWhatIsNotThere(t *testing.T) {
	old := Active()
	if err := SetTier(Tier(200)); err == nil {
		t.Fatal("tier 200 was accepted")
	}
	if Active() != old {
		t.Fatalf("a refused tier changed the one in force to %s", Active())
	}
	if !slices.Contains(Available(), Pure) {
		t.Fatal("Pure is not available")
	}
}

func TestStartChoosesTheNamedTierElseTheBest(t *testing.T) {
	all := Available()
	best := all[len(all)-1]
	for _, c := range []struct {
		name string
		want Tier
		fail bool
	}{{"", best, false}, {"pure", Pure, false}, {"sse9", best, true}} {
		got, err := startTier(c.name)
		if got != c.want || (err != nil) != c.fail {
			t.Errorf("RUVECTOR_SIMD=%q gives %s, %v", c.name, got, err)
		}
	}
	if len(all) == 1 {
		if _, err := startTier("avx2"); err == nil {
			t.Error("RUVECTOR_SIMD=avx2 is not refused where AVX2 is absent")
		}
	}
}

func TestEveryGroupFollowsSetTier(t *testing.T) {
	if len(setters) < 2 {
		t.Fatalf("%d kernel groups are registered, want the scan and the float group", len(setters))
	}
}

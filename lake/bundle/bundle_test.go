package bundle

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// golden is a witness that another implementation gave.
type golden struct {
	DataRef      string `json:"data_ref"`
	Dim          int    `json:"dim"`
	RotationSeed uint64 `json:"rotation_seed"`
	RerankFactor int    `json:"rerank_factor"`
	Generation   any    `json:"generation"`
	Witness      string `json:"witness"`
}

func goldens(t testing.TB) []golden {
	text, err := os.ReadFile("testdata/witness.json")
	require.NoError(t, err)
	var list []golden
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list, 5)
	return list
}

func (g golden) bundle() Bundle {
	b := Bundle{FormatVersion: 2, DataRef: g.DataRef, Dim: g.Dim, RotationSeed: g.RotationSeed,
		RerankFactor: g.RerankFactor, Witness: g.Witness}
	if text, ok := g.Generation.(string); ok {
		b.Generation = Opaque(text)
	} else {
		b.Generation = Number(uint64(g.Generation.(float64)))
	}
	return b
}

// sample is a sealed bundle of a format.
func sample(t testing.TB, format int) Bundle {
	b := Bundle{FormatVersion: format, DataRef: "gs://bucket/x.parquet", Dim: 128, RotationSeed: 42,
		RerankFactor: 20, Generation: Number(7), PIIPolicy: "masked", LineageID: "run/17",
		MemoryClass: "semantic"}
	if format == 3 {
		b.Content = Content{Rotation: "fht", Metric: "l2", Kind: "flat", Codec: 0, Rows: 1000,
			Digest: strings.Repeat("0123456789abcdef", 4)}
	}
	require.NoError(t, b.Seal())
	return b
}

// requireKind checks an error's kind and that it says every word.
func requireKind(t testing.TB, err error, kind fault.Kind, words ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind.String(), fault.KindOf(err).String(), err.Error())
	for _, word := range words {
		require.Contains(t, err.Error(), word)
	}
}

func TestWitnessesAreThoseOfOtherImplementations(t *testing.T) {
	for _, g := range goldens(t) {
		b := g.bundle()
		assert.Equal(t, g.Witness,
			Witness2(b.DataRef, b.Dim, b.RotationSeed, b.RerankFactor, b.Generation))
		require.NoError(t, b.Verify())
		b.Witness, b.FormatVersion = "", 0
		require.NoError(t, b.Seal())
		assert.Equal(t, 2, b.FormatVersion)
		assert.Equal(t, g.Witness, b.Witness)
	}
}

// The bytes are written out here, so that a change of the recipe cannot pass.
func TestWhatFormat1And3HashIsFixed(t *testing.T) {
	le := func(v byte) string { return string([]byte{v, 0, 0, 0, 0, 0, 0, 0}) }
	begin := le(1) + "x|" + le(1) + le(0) + le(1) + "|"
	one := Bundle{FormatVersion: 1, DataRef: "x", Dim: 1, RerankFactor: 1, Generation: Number(7)}
	require.NoError(t, one.Seal())
	assert.Equal(t, digestOf([]byte("rulake-bundle-witness-v1|"+begin+le(8)+le(7))), one.Witness)
	one.Generation = Opaque("ab")
	require.NoError(t, one.Seal())
	assert.Equal(t, digestOf([]byte("rulake-bundle-witness-v1|"+begin+le(2)+"ab")), one.Witness)

	three := one
	three.FormatVersion = 3
	three.Content = Content{Rotation: "fht", Metric: "l2", Kind: "ivf", Codec: 5, Rows: 9,
		Digest: strings.Repeat("07", 32)}
	require.NoError(t, three.Seal())
	assert.Equal(t, digestOf([]byte("ruvector-bundle-witness-v3|"+begin+le(3)+"\x01ab|"+
		le(3)+"fht"+le(2)+"l2"+le(3)+"ivf"+le(5)+le(9)+"|"+strings.Repeat("\x07", 32))),
		three.Witness)
}

func TestLengthsKeepFieldsApart(t *testing.T) {
	seen := map[string]Bundle{}
	for _, b := range []Bundle{
		{DataRef: "a|", Generation: Opaque("b")}, {DataRef: "a", Generation: Opaque("|b")},
		{DataRef: "", Generation: Opaque("a|b")}, {DataRef: "a|b", Generation: Opaque("")},
		{DataRef: "a", Generation: Number(1)},
		{DataRef: "a", Generation: Opaque("\x01\x00\x00\x00\x00\x00\x00\x00")},
		{DataRef: "a", Generation: Opaque("1")},
	} {
		b.Dim, b.RerankFactor = 1, 1
		require.NoError(t, b.Seal())
		other, twice := seen[b.Witness]
		require.False(t, twice, "%v and %v", b, other)
		seen[b.Witness] = b
	}
}

// change returns the bundle with one witnessed field changed.
var changes = map[string]func(b *Bundle){
	"data_ref":         func(b *Bundle) { b.DataRef += "?" },
	"dim":              func(b *Bundle) { b.Dim++ },
	"rotation_seed":    func(b *Bundle) { b.RotationSeed++ },
	"rerank_factor":    func(b *Bundle) { b.RerankFactor++ },
	"generation":       func(b *Bundle) { b.Generation = Number(8) },
	"content.rotation": func(b *Bundle) { b.Content.Rotation += "?" },
	"content.metric":   func(b *Bundle) { b.Content.Metric += "?" },
	"content.kind":     func(b *Bundle) { b.Content.Kind += "?" },
	"content.codec":    func(b *Bundle) { b.Content.Codec++ },
	"content.rows":     func(b *Bundle) { b.Content.Rows++ },
	"content.digest":   func(b *Bundle) { b.Content.Digest = "f" + b.Content.Digest[1:] },
}

func TestAnyChangeOfWhatIsWitnessedIsFoundAndNamed(t *testing.T) {
	for name, change := range changes {
		for format := 1; format <= 3; format++ {
			if format < 3 && strings.HasPrefix(name, "content") {
				continue
			}
			was := sample(t, format)
			b := was
			change(&b)
			made := b
			require.NoError(t, made.Seal())
			requireKind(t, b.Verify(), fault.WitnessMismatch, was.Witness, made.Witness)
			requireKind(t, b.VerifyAgainst(was), fault.WitnessMismatch, "fields have")
			requireKind(t, was.VerifyAgainst(b), fault.WitnessMismatch, "compare with")
			err := made.VerifyAgainst(was)
			requireKind(t, err, fault.WitnessMismatch, name+" is", was.Witness, made.Witness)
			assert.Equal(t, 1, strings.Count(err.Error(), ", not "), "only one field differs")
		}
	}
}

func TestEveryFieldThatDiffersIsNamed(t *testing.T) {
	was := sample(t, 3)
	b := was
	for _, change := range changes {
		change(&b)
	}
	require.NoError(t, b.Seal())
	err := b.VerifyAgainst(was)
	for name := range changes {
		requireKind(t, err, fault.WitnessMismatch, name+" is")
	}
}

func TestBundlesOfTwoFormatsAreComparedByWhatBothHave(t *testing.T) {
	for a := 1; a <= 3; a++ {
		for b := 1; b <= 3; b++ {
			require.NoError(t, sample(t, a).VerifyAgainst(sample(t, b)))
		}
	}
	other := sample(t, 2)
	other.PIIPolicy, other.LineageID, other.MemoryClass = "", "", ""
	require.NoError(t, other.VerifyAgainst(sample(t, 3)), "policies are not witnessed")
}

func TestAWitnessIsLowerCaseHexOrItIsNone(t *testing.T) {
	b := sample(t, 2)
	for _, witness := range []string{"", strings.ToUpper(b.Witness), b.Witness[:63],
		b.Witness + "0", "g" + b.Witness[1:], b.Witness[:62] + "é", " " + b.Witness[1:]} {
		wrong := b
		wrong.Witness = witness
		requireKind(t, wrong.Verify(), fault.WitnessMismatch, "64 lower-case hex", b.Witness)
		_, err := wrong.Encode()
		requireKind(t, err, fault.LakeError, "rvf_witness")
	}
}

func TestFieldsThatNoBundleCanHaveAreNamed(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	for word, change := range map[string]func(b *Bundle){
		"format_version":   func(b *Bundle) { b.FormatVersion = 4 },
		"formats 1 to 3":   func(b *Bundle) { b.FormatVersion = -1 },
		"dim is 0":         func(b *Bundle) { b.Dim = 0 },
		"dim is 8193":      func(b *Bundle) { b.Dim = MaxDim + 1 },
		"rerank_factor":    func(b *Bundle) { b.RerankFactor = 0 },
		"data_ref":         func(b *Bundle) { b.DataRef = long },
		"generation":       func(b *Bundle) { b.Generation = Opaque(long) },
		"pii_policy":       func(b *Bundle) { b.PIIPolicy = long },
		"lineage_id":       func(b *Bundle) { b.LineageID = "\xff" },
		"memory_class":     func(b *Bundle) { b.MemoryClass = "a\xc0b" },
		"content.codec":    func(b *Bundle) { b.Content.Codec = -1 },
		"content.rows":     func(b *Bundle) { b.Content.Rows = -1 },
		"content.digest":   func(b *Bundle) { b.Content.Digest = strings.Repeat("A", 64) },
		"content.rotation": func(b *Bundle) { b.Content.Rotation = long },
		"content.metric":   func(b *Bundle) { b.Content.Metric = long },
		"content.kind":     func(b *Bundle) { b.Content.Kind = "\xff" },
	} {
		b := sample(t, 3)
		change(&b)
		requireKind(t, b.Seal(), fault.LakeError, word)
		requireKind(t, b.Verify(), fault.LakeError, word)
		_, err := b.Encode()
		requireKind(t, err, fault.LakeError, word)
	}
}

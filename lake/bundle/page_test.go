package bundle

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shownBytes are the bytes of an example of docs/lake.md, and what it says that they are hashed to.
type shownBytes struct {
	hash   string
	bytes  []byte
	hashed string
}

// examples reads the blocks of docs/lake.md that show what is hashed.
func examples(t *testing.T) []shownBytes {
	page, err := os.ReadFile("../../docs/lake.md")
	require.NoError(t, err)
	line := regexp.MustCompile(`^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:   .*)?$`)
	end := regexp.MustCompile(`^(SHAKE-256|SHA-256): ([0-9a-f]{64})$`)
	var found []shownBytes
	var now shownBytes
	for _, text := range strings.Split(string(page), "\n") {
		if m := line.FindStringSubmatch(text); m != nil {
			b, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
			require.NoError(t, err)
			now.bytes = append(now.bytes, b...)
		} else if m := end.FindStringSubmatch(text); m != nil {
			now.hash, now.hashed = m[1], m[2]
			found = append(found, now)
			now = shownBytes{}
		}
	}
	return found
}

func TestThePageShowsWhatIsHashed(t *testing.T) {
	shown := examples(t)
	require.Len(t, shown, 4, "format 2, a block of rows, the digest, format 3")
	for _, e := range shown {
		if e.hash == "SHA-256" {
			hashed := sha256.Sum256(e.bytes)
			assert.Equal(t, e.hashed, hex.EncodeToString(hashed[:]))
		} else {
			assert.Equal(t, e.hashed, hex.EncodeToString(sha3.SumSHAKE256(e.bytes, 32)))
		}
	}
	assert.Len(t, shown[0].bytes, 97)
	assert.Equal(t, goldens(t)[0].Witness, shown[0].hashed)

	rows := vectors(t, arrow.PrimitiveTypes.Float32, []float64{1, -2}, []float64{.5, 0})
	digest := sum(t, named(t, int64s(700, 42)), column(t, rows))
	assert.Equal(t, digest, shown[2].hashed)
	inner, err := hex.DecodeString(shown[1].hashed)
	require.NoError(t, err)
	assert.True(t, bytes.HasSuffix(shown[2].bytes, inner), "the digest is of the block of rows")

	b := Bundle{FormatVersion: 3, DataRef: "local://b/c", Dim: 2, RotationSeed: 42, RerankFactor: 20,
		Generation: Number(1), Content: Content{Rotation: "fht", Metric: "l2", Kind: "exact",
			Codec: 6, Rows: 2, Digest: digest}}
	require.NoError(t, b.Seal())
	assert.Equal(t, b.Witness, shown[3].hashed)
}

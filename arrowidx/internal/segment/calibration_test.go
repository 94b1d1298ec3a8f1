package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointsComeBackAsTheyWereWritten(t *testing.T) {
	plain := []CalibrationPoint{
		{Target: 0.9, Recall: 0.91, Epsilon0: 1.4, Probes: 12, Cut: 1, Rerank: 11, Vectors: true},
		{Target: 0.95, Recall: 0.96, Epsilon0: 1.9, Probes: 30, Cut: 0.5, Usual: 0.75},
	}
	b, size := PackPoints(plain)
	require.Equal(t, OldPointBytes, size, "without weight as before")
	require.Len(t, b, len(plain)*size)
	require.Equal(t, plain, UnpackPoints(b, size))

	weighted := append([]CalibrationPoint{}, plain...)
	weighted[1].Weight = 0.0625
	b, size = PackPoints(weighted)
	require.Equal(t, PointBytes, size)
	require.Len(t, b, len(weighted)*size)
	require.Equal(t, weighted, UnpackPoints(b, size))
	b, _ = PackPoints(nil)
	require.Empty(t, b)
}

func TestAWeightAllowsCutsThatItsScoresReach(t *testing.T) {
	p := CalibrationPoint{Target: 0.9, Recall: 0.9, Epsilon0: 1.4, Probes: 3, Cut: 1}
	require.True(t, p.Sound(4))
	p.Cut = 1.5
	require.False(t, p.Sound(4), "no cosine")
	p.Weight = 0.06
	require.True(t, p.Sound(4))
	p.Cut = 5
	require.False(t, p.Sound(4), "no rank gives as much")
	p.Cut, p.Weight = 0.5, 1.5
	require.False(t, p.Sound(4))
}

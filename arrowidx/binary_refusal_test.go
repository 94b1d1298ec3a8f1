package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/arrowidx/pca"
)

// refusal is an error that must be of a kind and say some words.
type refusal struct {
	err  error
	kind arrowidx.ErrorKind
	says []string
}

func requireRefusals(t *testing.T, all []refusal) {
	t.Helper()
	for _, c := range all {
		require.Equal(t, c.kind, arrowidx.KindOf(c.err), "%v", c.err)
		for _, say := range c.says {
			require.ErrorContains(t, c.err, say)
		}
	}
}

// bitsAndFloats are a column of 20 rows of 4 bytes, and one of 20 rows of 4 numbers.
func bitsAndFloats(t *testing.T) (packedBits, floats *arrowidx.Column) {
	t.Helper()
	r := arrowidxtest.Rand(t, 505)
	packedBits = arrowidxtest.ColumnOf(t, packed(bitRows(r, 20, 4), 4, nil))
	floats = arrowidxtest.Column(t, arrowidxtest.Gaussian(r, 20, 4), 4, 1)
	t.Cleanup(packedBits.Release)
	t.Cleanup(floats.Release)
	return packedBits, floats
}

func TestBuildsOfBitsThatCannotBeSayWhy(t *testing.T) {
	col, floats := bitsAndFloats(t)
	build := func(c *arrowidx.Column, o arrowidx.BuildOptions) error {
		_, err := arrowidx.Build(t.Context(), c, o)
		return err
	}
	hamming := arrowidx.BuildOptions{Metric: arrowidx.Hamming}
	vast := arrowidxtest.ColumnOf(t, packed(make([]byte, 8193), 8193, nil))
	defer vast.Release()
	requireRefusals(t, []refusal{
		{build(floats, hamming), arrowidx.MetricError, []string{"hamming", "float"}},
		{build(col, arrowidx.BuildOptions{}), arrowidx.MetricError, []string{"cosine", "bits"}},
		{build(vast, hamming), arrowidx.LimitExceeded, []string{"65544 bits"}},
		{build(col, arrowidx.BuildOptions{Metric: arrowidx.Jaccard, Kind: arrowidx.Flat}),
			arrowidx.InvalidArgument, []string{"flat", "jaccard", "exact"}},
		{build(col, arrowidx.BuildOptions{Metric: arrowidx.Hamming, Kind: arrowidx.IVF}),
			arrowidx.InvalidArgument, []string{"ivf", "hamming"}},
		{build(col, arrowidx.BuildOptions{Metric: arrowidx.Hamming, Keep: arrowidx.KeepNone}),
			arrowidx.InvalidArgument, []string{"rows themselves"}},
		{build(col, arrowidx.BuildOptions{Metric: 6}), arrowidx.MetricError, []string{"6"}},
		{pca.PCA(t.Context(), col, 1, make([]float32, 20)), arrowidx.ColumnError,
			[]string{"bits"}},
	})
	_, err := arrowidx.ParseMetric("tanimoto")
	require.ErrorContains(t, err, "jaccard")
}

func TestQuestionsToIndexesOfBitsThatCannotBeNameBothSides(t *testing.T) {
	col, floats := bitsAndFloats(t)
	ix := buildBits(t, col, arrowidx.BuildOptions{Metric: arrowidx.Hamming})
	numbers := buildBits(t, floats, arrowidx.BuildOptions{})
	defer ix.Close()
	defer numbers.Close()
	search := func(ix *arrowidx.Index, p arrowidx.SearchParams) error {
		out := arrowidxtest.Outputs(1, 1)
		p.NQ, p.K = 1, 1
		_, err := ix.Search(t.Context(), &p, &out)
		return err
	}
	add := func(c *arrowidx.Column) error {
		_, err := ix.Add(t.Context(), nil, c, arrowidx.AddOptions{})
		return err
	}
	wide := arrowidxtest.ColumnOf(t, packed(make([]byte, 10), 5, nil))
	defer wide.Release()
	requireRefusals(t, []refusal{
		{search(ix, arrowidx.SearchParams{Queries: make([]float32, 32)}), arrowidx.MetricError,
			[]string{"float32", "packed bits", "hamming"}},
		{search(numbers, arrowidx.SearchParams{Bits: make([]byte, 4)}), arrowidx.MetricError,
			[]string{"packed bits", "numbers", "cosine"}},
		{search(ix, arrowidx.SearchParams{Bits: make([]byte, 5)}), arrowidx.DimensionMismatch,
			[]string{"5 bytes", "32 bits (4 bytes)"}},
		{search(ix, arrowidx.SearchParams{}), arrowidx.DimensionMismatch, []string{"0 bytes"}},
		{search(ix, arrowidx.SearchParams{Bits: make([]byte, 4), Source: floats}),
			arrowidx.MetricError, []string{"hamming", "float"}},
		{add(wide), arrowidx.DimensionMismatch, []string{"40", "32"}},
		{add(floats), arrowidx.MetricError, []string{"hamming", "float"}},
		{ix.Row(0, make([]float32, 4)), arrowidx.InvalidArgument, []string{"PackedRow"}},
		{numbers.PackedRow(0, make([]byte, 4)), arrowidx.InvalidArgument, []string{"Row"}},
		{ix.PackedRow(20, make([]byte, 4)), arrowidx.UnknownID, []string{"20"}},
		{ix.Attach(floats), arrowidx.MetricError, []string{"hamming"}},
		{ix.Calibrate(t.Context(), arrowidx.CalibrateParams{}), arrowidx.InvalidArgument, nil},
		{pca.PCA(t.Context(), col, 1, make([]float32, 20)), arrowidx.ColumnError,
			[]string{"bits"}},
	})
}

func TestForgedIndexesOfBitsAreRefusedByTheirSection(t *testing.T) {
	r := arrowidxtest.Rand(t, 506)
	col := arrowidxtest.ColumnOf(t, packed(bitRows(r, 40, 4), 4, nil))
	defer col.Release()
	ix := buildBits(t, col, arrowidx.BuildOptions{Metric: arrowidx.Jaccard})
	defer ix.Close()
	file := arrowidxtest.Bytes(t, ix, true)
	f := openForged(file)
	require.Equal(t, 160, len(f.section(vectorsSection)), "a byte for 8 bits")
	require.Nil(t, f.lines[meanSection])
	for _, c := range []forgery{
		parameter("metric 6", 1, 6), parameter("kind flat", 0, 2), parameter("kind ivf", 0, 3),
		parameter("bits 1", 2, 1), parameter("31 dimensions", 4, 31),
		parameter("scale 2", 40, float32Bytes(2)...), parameter("radius 1", 44, float32Bytes(1)...),
		{"24 dimensions", "vectors", func(f forgedFile) { f.section(parametersSection)[4] = 24 }},
		{"metric cosine", "mean", func(f forgedFile) { f.section(parametersSection)[1] = 0 }},
		{"another row", "vectors", func(f forgedFile) { f.section(vectorsSection)[0] ^= 1 }},
		{"another digest", "vectors", func(f forgedFile) { f.section(parametersSection)[48] ^= 1 }},
	} {
		bad := openForged(file)
		c.forge(bad)
		repair(bad.bytes)
		_, err := arrowidx.Decode(t.Context(), bad.bytes)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s: %v", c.field, err)
		require.ErrorContains(t, err, "section "+c.names, c.field)
	}
	cut := f.without(vectorsSection)
	repair(cut)
	bare, err := arrowidx.Decode(t.Context(), cut)
	require.NoError(t, err)
	defer bare.Close()
	out := arrowidxtest.Outputs(1, 1)
	_, err = bare.Search(t.Context(), &arrowidx.SearchParams{Bits: make([]byte, 4), NQ: 1, K: 1}, &out)
	require.ErrorContains(t, err, "attach the column")
	require.NoError(t, bare.Attach(col))
	_, err = bare.Search(t.Context(), &arrowidx.SearchParams{Bits: make([]byte, 4), NQ: 1, K: 1}, &out)
	require.NoError(t, err)
	require.EqualValues(t, 5, out.Rows[0], "the row of zeros")
}

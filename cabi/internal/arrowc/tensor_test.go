package arrowc

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

func tensor(name, metadata string) arrow.Metadata {
	return arrow.NewMetadata([]string{"ARROW:extension:name", "ARROW:extension:metadata"},
		[]string{name, metadata})
}

func TestTensorsInTheOrderOfTheirShapePass(t *testing.T) {
	for _, m := range []arrow.Metadata{
		{},
		tensor("arrow.fixed_shape_tensor", `{"shape":[2,3]}`),
		tensor("arrow.fixed_shape_tensor", `{"shape":[2,3],"permutation":[0,1]}`),
		tensor("somebody.elses", `not JSON`),
	} {
		require.NoError(t, CheckTensor(m))
	}
}

func TestPermutedTensorsAreRefused(t *testing.T) {
	for _, text := range []string{`{"shape":[2,3],"permutation":[1,0]}`, `not JSON`, ``} {
		err := CheckTensor(tensor("arrow.fixed_shape_tensor", text))
		require.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), text)
	}
}

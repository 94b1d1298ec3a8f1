package arrowc

import (
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// CheckTensor refuses a column of the canonical extension arrow.fixed_shape_tensor whose numbers
// lie in another order than their shape says. Without a permutation the storage, a FixedSizeList,
// is the vector. Other columns pass.
//
// Errors: ColumnError.
func CheckTensor(m arrow.Metadata) error {
	if name, _ := m.GetValue("ARROW:extension:name"); name != "arrow.fixed_shape_tensor" {
		return nil
	}
	var tensor struct {
		Permutation []int `json:"permutation"`
	}
	text, _ := m.GetValue("ARROW:extension:metadata")
	if err := json.Unmarshal([]byte(text), &tensor); err != nil {
		return broken("metadata of a tensor: %v", err)
	}
	for i, axis := range tensor.Permutation {
		if axis != i {
			return refuse(fmt.Sprintf("a tensor column with permutation %v", tensor.Permutation),
				"make it contiguous in the order of its shape first")
		}
	}
	return nil
}

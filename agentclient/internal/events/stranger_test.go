package events

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is kept of an event does not hold the memory of the rest of it, which nothing counts.
func TestATaskHoldsOnlyWhatItCounts(t *testing.T) {
	junk := strings.Repeat("x", 256<<10)
	for name, said := range map[string]string{
		"pieces": `{"artifactUpdate":{"taskId":"t","append":true,"artifact":{"artifactId":"a",` +
			`"parts":[{"text":"%d"}]}},"later":"` + junk + `"}`,
		"artifacts": `{"artifactUpdate":{"taskId":"t","artifact":{"artifactId":"a%d","name":"n",` +
			`"parts":[{"text":"x"}]}},"later":"` + junk + `"}`,
		"metadata": `{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING"},` +
			`"metadata":{"m%d":1}},"later":"` + junk + `"}`,
		"messages": `{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING","later":"` +
			junk + `","message":{"messageId":"m%d"}}}}`,
	} {
		var task Task
		before := held()
		for i := range 64 {
			_, err := task.Merge(parse(t, fmt.Sprintf(said, i)), false)
			require.NoError(t, err)
		}
		assert.Less(t, held()-before, int64(4<<20), name)
		assert.Contains(t, string(task.JSON()), "63", name)
	}
}

// held is how many bytes are in use.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

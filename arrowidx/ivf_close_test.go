package arrowidx_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Close must wait for a calibration, which reads the cells, or come before it.
func TestClosingDuringACalibrationIsNamed(t *testing.T) {
	const n, d = 2000, 32
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 360), n, d)
	for wait := range 6 {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.IVF, Cells: 100}, false)
		done := make(chan struct{})
		go func() {
			time.Sleep(time.Duration(wait) * 10 * time.Millisecond)
			ix.Close()
			close(done)
		}()
		err := ix.Calibrate(t.Context(), arrowidx.CalibrateParams{Queries: rows[:400*d], NQ: 400})
		<-done
		if err != nil {
			require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err), "%v", err)
			continue
		}
	}
}

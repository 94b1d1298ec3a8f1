package segment

import "time"

// Stages are the seconds that a build took, by stage; a stage that a kind does not have took none.
type Stages struct {
	Read      float64 `json:"read"`  // looking at every number: what is refused, scale and mean
	Train     float64 `json:"train"` // kind ivf: the sample and k-means on it
	Assign    float64 `json:"assign"`
	Encode    float64 `json:"encode"` // of kind exact: lengths of rows
	Calibrate float64 `json:"calibrate"`
	Copies    float64 `json:"copies"` // of kind ivf, with rows coded anew to make room
}

// Timed runs a stage and adds its seconds to took. Nothing that is built depends on them.
func Timed(took *float64, stage func() error) error {
	begin := time.Now()
	err := stage()
	*took += time.Since(begin).Seconds()
	return err
}

package segment

import "sync/atomic"

const (
	// fewStrangers may be chance, whatever was asked beside them.
	fewStrangers = 10
	// strangeShare: when more than one query in so many is strange, calibration does not hold for
	// them. Of queries like the calibrating ones one in a hundred is, of rows that k-means did not
	// see some more.
	strangeShare = 4
)

// Strangers counts queries that lie further from every cell than those that an index of kind ivf
// was calibrated with. Their neighbours are spread over more cells, so that fewer of them are found
// than the recall target says. Safe for concurrent use.
type Strangers struct {
	asked, strange atomic.Int64
	told           atomic.Bool
}

// Note counts the queries of a search and reports whether it is time to tell: once, when it was not
// chance any more.
func (s *Strangers) Note(asked, strange int64) bool {
	all := s.asked.Add(asked)
	if strange == 0 {
		return false
	}
	strange = s.strange.Add(strange)
	return strange >= fewStrangers && strange*strangeShare > all && s.told.CompareAndSwap(false, true)
}

// Forget begins anew, after a calibration.
func (s *Strangers) Forget() {
	s.asked.Store(0)
	s.strange.Store(0)
	s.told.Store(false)
}

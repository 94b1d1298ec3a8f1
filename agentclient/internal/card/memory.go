package card

import (
	"slices"
	"strings"
	"sync"
)

// mostRemembered is how many cards a process remembers, and mostBefore how many of their pasts.
const (
	mostRemembered = 4096
	mostBefore     = 8
)

// history is what was believed of one card of one key: the highest version and date, and the hashes
// of the card, the newest last.
type history struct {
	version string
	issued  float64
	hashes  []string
}

// memory is what a process has believed. A signature has no date of its own, so an old card under
// the same key verifies for ever; only having seen a newer one tells.
type memory struct {
	mutex sync.Mutex
	seen  map[string]*history
	order []string
}

// remembered is the memory of this process.
var remembered = &memory{seen: map[string]*history{}}

// note records that a card was believed, unless it is one that went back: then it says how. seed is
// what is known of the card from elsewhere, nil for nothing.
func (m *memory) note(name string, seed *history, now history) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	h := m.seen[name]
	if h == nil {
		h = &history{}
		if len(m.order) == mostRemembered {
			delete(m.seen, m.order[0])
			m.order = m.order[1:]
		}
		m.seen[name], m.order = h, append(m.order, name)
	}
	if seed != nil && h.back(*seed) == "" {
		h.add(*seed)
	}
	if how := h.back(now); how != "" {
		return how
	}
	h.add(now)
	return ""
}

// add makes a card the newest.
func (h *history) add(now history) {
	hash := now.hashes[0]
	if n := len(h.hashes); n == 0 || h.hashes[n-1] != hash {
		h.hashes = append(h.hashes, hash)
		h.hashes = slices.Clone(h.hashes[max(0, len(h.hashes)-mostBefore):])
	}
	h.version, h.issued = now.version, max(h.issued, now.issued)
}

// back says how a card is older than the newest one, "" if it is not known to be.
func (h *history) back(now history) string {
	if len(h.hashes) == 0 || h.hashes[len(h.hashes)-1] == now.hashes[0] {
		return ""
	}
	order, ok := compareVersions(now.version, h.version)
	switch {
	case ok && order < 0:
		return "its version went back from " + h.version + " to " + now.version
	case now.issued > 0 && now.issued < h.issued:
		return "it was signed before one that was seen already"
	case slices.Contains(h.hashes, now.hashes[0]):
		return "it is a card that another one had replaced"
	}
	return ""
}

// compareVersions orders two versions as semver does, with any number of parts; false if one of
// them is no version.
func compareVersions(a, b string) (int, bool) {
	aMain, aEarly, aIs := splitVersion(a)
	bMain, bEarly, bIs := splitVersion(b)
	if !aIs || !bIs {
		return 0, false
	}
	for len(aMain) < len(bMain) {
		aMain = append(aMain, "0")
	}
	for len(bMain) < len(aMain) {
		bMain = append(bMain, "0")
	}
	if order := slices.CompareFunc(aMain, bMain, compareParts); order != 0 {
		return order, true
	}
	if len(aEarly) == 0 || len(bEarly) == 0 { // what is no early version is later than any
		return len(bEarly) - len(aEarly), true
	}
	return slices.CompareFunc(aEarly, bEarly, compareParts), true
}

// splitVersion returns the numbers of a version and what follows its hyphen.
func splitVersion(text string) (numbers, early []string, ok bool) {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "v"), "+")
	text, rest, _ := strings.Cut(text, "-")
	if len(text)+len(rest) > 256 {
		return nil, nil, false
	}
	numbers = strings.Split(text, ".")
	for _, number := range numbers {
		if !isNumber(number) {
			return nil, nil, false
		}
	}
	if rest != "" {
		early = strings.Split(rest, ".")
	}
	return numbers, early, true
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// compareParts orders numbers by value, and before words, which are ordered by their letters.
func compareParts(a, b string) int {
	switch aIs, bIs := isNumber(a), isNumber(b); {
	case aIs && bIs:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return len(a) - len(b)
		}
	case aIs:
		return -1
	case bIs:
		return 1
	}
	return strings.Compare(a, b)
}

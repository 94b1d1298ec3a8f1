package topk

import (
	"cmp"
	"slices"
)

// Hit is a row with its distance.
type Hit struct {
	Dist float64
	Row  uint32
}

// Less orders hits by distance, ties by the smaller row: the order of answers.
func (a Hit) Less(b Hit) bool { return a.Dist < b.Dist || a.Dist == b.Dist && a.Row < b.Row }

// Heap keeps the k smallest hits: a max-heap by distance, then row.
type Heap struct {
	K    int
	Heap []Hit
}

// Reset empties the heap for k hits; memory is kept.
func (n *Heap) Reset(k int) { n.K, n.Heap = k, n.Heap[:0] }

// Full reports whether k hits are held; worst is then the largest distance among them.
func (n *Heap) Full() bool { return len(n.Heap) == n.K }

// Worst is the largest distance held; the heap must not be empty.
func (n *Heap) Worst() float64 { return n.Heap[0].Dist }

// Push takes a hit in if fewer than k are held or it is less than the largest, which then leaves.
func (n *Heap) Push(h Hit) {
	a := n.Heap
	if len(a) < n.K {
		a = append(a, h)
		for i := len(a) - 1; i > 0 && a[(i-1)/2].Less(a[i]); i = (i - 1) / 2 {
			a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
		}
		n.Heap = a
		return
	}
	if n.K == 0 || !h.Less(a[0]) {
		return
	}
	a[0] = h
	for i := 0; ; {
		big := 2*i + 1
		if big >= len(a) {
			return
		}
		if big+1 < len(a) && a[big].Less(a[big+1]) {
			big++
		}
		if !a[i].Less(a[big]) {
			return
		}
		a[i], a[big] = a[big], a[i]
		i = big
	}
}

// insertedMost is the most hits that are kept in order as they come.
const insertedMost = 32

// PushRows pushes rows with their distances. Few hits are kept in order: falling, they are a heap.
func (n *Heap) PushRows(dists []float64, rows []uint32) {
	if n.K > insertedMost || !n.falls() {
		for i, dist := range dists {
			n.Push(Hit{dist, rows[i]})
		}
		return
	}
	a := n.Heap
	for i, dist := range dists {
		h, at := Hit{dist, rows[i]}, 0
		switch {
		case len(a) < n.K:
			a = append(a, h)
			for at = len(a) - 1; at > 0 && a[at-1].Less(h); at-- {
				a[at] = a[at-1]
			}
		case n.K == 0 || !h.Less(a[0]):
			continue
		default:
			for ; at+1 < len(a) && h.Less(a[at+1]); at++ {
				a[at] = a[at+1]
			}
		}
		a[at] = h
	}
	n.Heap = a
}

// falls reports whether the hits are in order, farthest first.
func (n *Heap) falls() bool {
	for i := 1; i < len(n.Heap); i++ {
		if n.Heap[i-1].Less(n.Heap[i]) {
			return false
		}
	}
	return true
}

// Sorted puts the hits in order, nearest first; the heap is used up.
func (n *Heap) Sorted() []Hit {
	if n.falls() {
		slices.Reverse(n.Heap)
	} else {
		SortHits(n.Heap)
	}
	return n.Heap
}

// SortHits sorts by distance, then row. No distance may be NaN.
func SortHits(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int {
		switch {
		case a.Dist < b.Dist:
			return -1
		case a.Dist > b.Dist:
			return 1
		}
		return cmp.Compare(a.Row, b.Row)
	})
}

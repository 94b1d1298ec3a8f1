package arrowidx

import "context"

// joinHits merges sorted lists into one, of at most limit hits unless that is 0.
func joinHits(ctx context.Context, lists [][]hit, limit int) ([]hit, error) {
	for len(lists) > 1 {
		merged := lists[:0]
		for i := 0; i < len(lists); i += 2 {
			if i+1 == len(lists) {
				merged = append(merged, lists[i])
				break
			}
			list, err := mergeHits(ctx, lists[i], lists[i+1], limit)
			if err != nil {
				return nil, err
			}
			merged = append(merged, list)
		}
		lists = merged
	}
	if len(lists) == 0 {
		return nil, nil
	}
	return lists[0], nil
}

// mergeHits merges two sorted lists.
func mergeHits(ctx context.Context, a, b []hit, limit int) ([]hit, error) {
	n := len(a) + len(b)
	if limit > 0 {
		n = min(n, limit)
	}
	out := make([]hit, 0, n)
	for len(out) < n {
		if len(out)%rangePiece == 0 {
			if err := cancelled(ctx, "within"); err != nil {
				return nil, err
			}
		}
		if len(b) == 0 || len(a) > 0 && a[0].less(b[0]) {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out, nil
}

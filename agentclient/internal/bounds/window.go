package bounds

import "math"

// amount is what is counted: billionths of a dollar, tokens, tasks. Integers, because the sums of a
// budget that runs for months must not drift.
type amount struct{ nano, tokens, tasks int64 }

// add is a sum that stays at the greatest integer rather than come out negative.
func add(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func (a amount) plus(b amount) amount {
	return amount{add(a.nano, b.nano), add(a.tokens, b.tokens), add(a.tasks, b.tasks)}
}

// past is what a has more than b, by part, and nothing where it has less.
func (a amount) past(b amount) amount {
	return amount{max(0, a.nano-b.nano), max(0, a.tokens-b.tokens), max(0, a.tasks-b.tasks)}
}

// nanos is dollars as billionths; what nobody spends on a task is the most that is counted.
func nanos(usd float64) int64 { return int64(math.Round(min(usd, mostUSD) * 1e9)) }

// slots is one for each of the last 60 seconds and one for the second that is not over: so that
// no 60 seconds, wherever they begin, hold more than a cap.
const slots = 61

// window is the spend of the last minute. Each question looks at every slot, which is a fixed
// amount of work however many tasks there were.
type window [slots]struct {
	second int64
	spent  amount
}

// book adds to a second that is in the window.
func (w *window) book(second int64, a amount) {
	slot := &w[second%slots]
	if slot.second != second {
		slot.second, slot.spent = second, amount{}
	}
	slot.spent = slot.spent.plus(a)
}

// give takes back from a second; from one that has left the window, nothing.
func (w *window) give(second int64, a amount) {
	if slot := &w[second%slots]; slot.second == second {
		slot.spent = slot.spent.past(a)
	}
}

// sum is what was spent in the window that ends in a second.
func (w *window) sum(now int64) (total amount) {
	for i := range w {
		if w[i].second > now-slots {
			total = total.plus(w[i].spent)
		}
	}
	return total
}

// clears returns the first second, from now on, in which fits says yes to what is then left, if
// nothing more is spent.
func (w *window) clears(now int64, fits func(amount) bool) int64 {
	for second := now; second < now+slots; second++ {
		if fits(w.sum(second)) {
			return second
		}
	}
	return now + slots
}

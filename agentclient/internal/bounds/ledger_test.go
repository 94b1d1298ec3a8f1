package bounds

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func ledger(t testing.TB, caps Caps) (*Ledger, *handClock) {
	clock := newHandClock()
	l, err := NewLedger(caps, clock)
	require.NoError(t, err)
	return l, clock
}

func TestCapsThatMeanNothingAreRefused(t *testing.T) {
	for field, caps := range map[string]Caps{
		"max_usd_per_minute":    {USDPerMinute: ptr(math.NaN())},
		"max_tokens_per_minute": {TokensPerMinute: ptr(int64(-1))},
		"max_tasks_per_minute":  {TasksPerMinute: ptr(int64(-1))},
		"max_queue":             {MaxQueue: -1},
	} {
		_, err := NewLedger(caps, nil)
		is(t, err, problem.InvalidArgument, "field", field)
	}
	l, err := NewLedger(Caps{}, nil)
	require.NoError(t, err)
	assert.Equal(t, defaultQueue, l.Snapshot().Caps.MaxQueue)
	_, err = l.Try(Spend{Tokens: math.MaxInt64, USD: math.MaxFloat64})
	assert.NoError(t, err, "no cap")
}

func TestEachPartOfABudgetIsCapped(t *testing.T) {
	l, _ := ledger(t, Caps{USDPerMinute: ptr(1.0), TokensPerMinute: ptr(int64(100)),
		TasksPerMinute: ptr(int64(3))})
	_, err := l.Try(Spend{USD: 0.7, Tokens: 60})
	require.NoError(t, err)
	_, err = l.Try(Spend{USD: 0.31})
	is(t, err, problem.BudgetExceeded, "dim", "usd", "limit", 1.0, "current", 0.7)
	_, err = l.Try(Spend{Tokens: 41})
	is(t, err, problem.BudgetExceeded, "dim", "tokens", "limit", int64(100), "current", int64(60))
	_, err = l.Try(Spend{USD: 0.3, Tokens: 40})
	require.NoError(t, err, "up to the cap")
	_, err = l.Try(Spend{})
	require.NoError(t, err)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded, "dim", "tasks", "limit", int64(3), "current", int64(3))
	s := l.Snapshot()
	assert.Equal(t, 1.0, s.USD)
	assert.Equal(t, []int64{100, 3}, []int64{s.Tokens, s.Tasks})
	assert.Equal(t, []int{3, 0}, []int{s.Open, s.Queued})
}

func TestAMinuteRolls(t *testing.T) {
	l, clock := ledger(t, Caps{TasksPerMinute: ptr(int64(2))})
	clock.move(900 * time.Millisecond)
	_, err := l.Try(Spend{})
	require.NoError(t, err)
	clock.move(30 * time.Second)
	_, err = l.Try(Spend{})
	require.NoError(t, err)
	clock.move(30*time.Second - time.Millisecond)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded) // 59.999 s after the first
	clock.move(time.Second + time.Millisecond)
	_, err = l.Try(Spend{})
	require.NoError(t, err)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded)
	clock.move(1000 * time.Hour)
	assert.Zero(t, l.Snapshot().Tasks)
}

// No 60 seconds, wherever they begin, hold more than the cap.
func TestNoMinuteHoldsMoreThanTheCap(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(50))})
	type event struct {
		at     time.Duration
		tokens int64
	}
	var events []event
	random, now := rand.New(rand.NewPCG(1, 2)), time.Duration(0)
	for range 20_000 {
		by := time.Duration(random.Int64N(int64(3 * time.Second)))
		clock.move(by)
		now += by
		tokens := random.Int64N(20)
		if _, err := l.Try(Spend{Tokens: tokens}); err == nil {
			events = append(events, event{now, tokens})
		}
	}
	first, sum := 0, int64(0)
	for _, e := range events {
		for sum += e.tokens; e.at-events[first].at > time.Minute; first++ {
			sum -= events[first].tokens
		}
		require.LessOrEqual(t, sum, int64(50))
	}
	assert.Greater(t, len(events), 1000)
}

// A budget that runs for long counts to the last billionth.
func TestSumsDoNotDrift(t *testing.T) {
	l, clock := ledger(t, Caps{USDPerMinute: ptr(0.3)})
	for range 1000 {
		for range 3 {
			_, err := l.Try(Spend{USD: 0.1})
			require.NoError(t, err)
		}
		_, err := l.Try(Spend{USD: 1e-9})
		require.Error(t, err)
		clock.move(61 * time.Second)
	}
}

func TestWhatNeverFitsFailsAtOnce(t *testing.T) {
	l, _ := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	_, err := l.Reserve(t.Context(), Spend{Tokens: 11})
	is(t, err, problem.BudgetExceeded, "dim", "tokens", "limit", int64(10), "current", int64(0))
	l, _ = ledger(t, Caps{TasksPerMinute: ptr(int64(0)), Queue: true})
	_, err = l.Reserve(t.Context(), Spend{})
	is(t, err, problem.BudgetExceeded, "dim", "tasks")
}

func TestWhatWasNotTakenComesBack(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(100))})
	r, err := l.Try(Spend{Tokens: 80, USD: 2})
	require.NoError(t, err)
	r.Settle(Spend{Tokens: 10, USD: 0.5})
	r.Settle(Spend{})
	r.Cancel()
	r.Note(Spend{Tokens: 1000})
	s := l.Snapshot()
	assert.Equal(t, []int64{10, 1, 0}, []int64{s.Tokens, s.Tasks, int64(s.Open)})
	assert.Equal(t, 0.5, s.USD)
	r, err = l.Try(Spend{Tokens: 90})
	require.NoError(t, err)
	clock.move(61 * time.Second)
	_, err = l.Try(Spend{Tokens: 100})
	require.NoError(t, err)
	r.Settle(Spend{Tokens: 0})
	assert.Equal(t, int64(100), l.Snapshot().Tokens, "a minute that is over gives nothing back")
}

func TestWhatWasTakenBeyondIsBookedWhenItIsSeen(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(100))})
	r, err := l.Try(Spend{Tokens: 20})
	require.NoError(t, err)
	r.Note(Spend{Tokens: 20})
	assert.Equal(t, int64(20), l.Snapshot().Tokens)
	clock.move(50 * time.Second)
	r.Note(Spend{Tokens: 90})
	assert.Equal(t, int64(90), l.Snapshot().Tokens)
	clock.move(20 * time.Second)
	assert.Equal(t, int64(70), l.Snapshot().Tokens)
	r.Settle(Spend{Tokens: 5000})
	assert.Equal(t, int64(70+4910), l.Snapshot().Tokens)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded, "dim", "tokens", "current", int64(4980))
	clock.move(61 * time.Second)
	_, err = l.Try(Spend{})
	require.NoError(t, err)
}

func TestHostileAmountsNeitherOverflowNorGiveRoom(t *testing.T) {
	l, _ := ledger(t, Caps{USDPerMinute: ptr(1e9), TokensPerMinute: ptr(int64(mostTokens))})
	var rs []*Reservation
	for range 100 {
		r, err := l.Try(Spend{Tokens: -5, USD: -1})
		require.NoError(t, err)
		rs = append(rs, r)
	}
	for _, r := range rs {
		r.Settle(Spend{Tokens: math.MaxInt64, USD: math.Inf(1)})
	}
	s := l.Snapshot()
	assert.GreaterOrEqual(t, s.USD, 1e9)
	assert.Equal(t, int64(100*mostTokens), s.Tokens)
	_, err := l.Try(Spend{USD: 1})
	is(t, err, problem.BudgetExceeded, "dim", "usd")
}

func TestACancelledTaskWasNone(t *testing.T) {
	l, _ := ledger(t, Caps{TasksPerMinute: ptr(int64(1)), USDPerMinute: ptr(1.0)})
	r, err := l.Try(Spend{USD: 1})
	require.NoError(t, err)
	r.Cancel()
	r.Cancel()
	assert.Equal(t, Snapshot{Caps: l.Snapshot().Caps}, l.Snapshot())
	_, err = l.Try(Spend{USD: 1})
	require.NoError(t, err)
	var none *Reservation
	none.Cancel()
	none.Settle(Spend{})
	none.Note(Spend{})
}

func TestManyClientsShareABudget(t *testing.T) {
	l, _ := ledger(t, Caps{TasksPerMinute: ptr(int64(500)), TokensPerMinute: ptr(int64(2000))})
	var all sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for range 8 {
		all.Go(func() {
			for range 200 {
				if r, err := l.Reserve(context.Background(), Spend{Tokens: 4}); err == nil {
					r.Settle(Spend{Tokens: 4})
					mu.Lock()
					admitted++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, 500, admitted)
	assert.Equal(t, int64(2000), l.Snapshot().Tokens)
}

// Caps are the ledger's own: later changes of the caller's numbers do not reach it.
func TestCapsAreCopied(t *testing.T) {
	most := int64(1)
	l, _ := ledger(t, Caps{TasksPerMinute: &most})
	most = 100
	*l.Snapshot().Caps.TasksPerMinute = 100
	_, err := l.Try(Spend{})
	require.NoError(t, err)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded)
}

// The work of a question does not grow with the tasks of the minute.
func BenchmarkReserve(b *testing.B) {
	l, _ := ledger(b, Caps{USDPerMinute: ptr(1e9), TokensPerMinute: ptr(int64(mostTokens))})
	for b.Loop() {
		if r, err := l.Try(Spend{Tokens: 1}); err == nil {
			r.Settle(Spend{Tokens: 1})
		}
	}
}

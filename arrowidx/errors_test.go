package arrowidx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

func TestKindNumbersAreThoseOfC(t *testing.T) {
	// Append-only: the same numbers are in cabi/ruvector.h and python/ruvector/_errors.py.
	for kind, want := range map[ErrorKind]int32{
		OK: 0, InvalidArgument: 1, DimensionMismatch: 2, InvalidVector: 3, EmptyIndex: 4,
		IndexClosed: 5, UnknownID: 6, DuplicateID: 7, VectorsChanged: 8, ColumnError: 9,
		MetricError: 10, PersistError: 11, NotAnIndex: 12, FormatTooNew: 13, CorruptIndex: 14,
		LimitExceeded: 15, OutOfMemory: 16, Cancelled: 17, ForkedProcess: 18, NativeError: 19,
		Poisoned: 20, VectorIndexError: 21, LakeError: 22, BackendError: 23, UnknownBackend: 24,
		UnknownCollection: 25, WitnessMismatch: 26, CacheMiss: 27, EmbedError: 28,
		MissingExtra: 29, A2aError: 30, FileMissing: 31,
	} {
		require.EqualValues(t, want, kind, kind.String())
	}
	names := map[string]bool{}
	for kind := OK; kind <= FileMissing; kind++ {
		require.False(t, names[kind.String()], "%s is named twice", kind)
		names[kind.String()] = true
	}
	require.Equal(t, "ErrorKind(32)", (FileMissing + 1).String())
	require.Equal(t, "ErrorKind(-1)", ErrorKind(-1).String())
}

func TestAnErrorIsOneSentence(t *testing.T) {
	cause := errors.New("disk full")
	for want, e := range map[string]*Error{
		"m":                         {Msg: "m"},
		"build: m":                  {Op: "build", Msg: "m"},
		"build: m; do this":         {Op: "build", Msg: "m", Fix: "do this"},
		"m: disk full":              {Msg: "m", Err: cause},
		"save: m: disk full; retry": {Op: "save", Msg: "m", Err: cause, Fix: "retry"},
	} {
		require.EqualError(t, e, want)
	}
	require.ErrorIs(t, &Error{Msg: "m", Err: cause}, cause)
}

func TestTheKindIsFoundThroughWrapping(t *testing.T) {
	e := fault.New(LimitExceeded, "op", "m", "")
	for want, err := range map[ErrorKind]error{
		OK:            nil,
		LimitExceeded: fmt.Errorf("outer: %w", e),
		NativeError:   errors.New("foreign"),
		Cancelled:     fmt.Errorf("outer: %w", context.DeadlineExceeded),
	} {
		require.Equal(t, want, fault.KindOf(err))
	}
	require.Equal(t, Cancelled, fault.KindOf(context.Canceled))
	require.EqualValues(t, []int64{-1, -1}, []int64{e.Row, e.Column}, "no place is -1")
}

func TestNamesOfOptionsAreReadAndWritten(t *testing.T) {
	for m := Cosine; m <= SqEuclidean; m++ {
		got, err := column.ParseMetric(m.String())
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
	for _, k := range []Kind{Auto, Exact, Flat} {
		got, err := segment.ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	for k := KeepAuto; k <= KeepNone; k++ {
		got, err := segment.ParseKeep(k.String())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	euclidean, err := column.ParseMetric("euclidean")
	require.NoError(t, err)
	require.Equal(t, L2, euclidean)
	for _, name := range []string{"", "Cosine", "l2 ", "manhattan"} {
		_, err := column.ParseMetric(name)
		require.Equal(t, MetricError, fault.KindOf(err), name)
		_, err = segment.ParseKind(name)
		require.Equal(t, InvalidArgument, fault.KindOf(err), name)
		_, err = segment.ParseKeep(name)
		require.Equal(t, InvalidArgument, fault.KindOf(err), name)
		require.ErrorContains(t, err, fmt.Sprintf("%q", name))
	}
	require.Equal(t, []string{"Metric(9)", "Kind(9)", "Keep(9)"},
		[]string{Metric(9).String(), Kind(9).String(), Keep(9).String()})
	require.Equal(t, []bool{true, true, false, false},
		[]bool{Cosine.Larger(), Dot.Larger(), L2.Larger(), SqEuclidean.Larger()})
}

func TestDefaultsOfABuild(t *testing.T) {
	for _, c := range []struct {
		rows int
		o    BuildOptions
		kind Kind
		bits int
		keep Keep
	}{
		{AutoExactRows, BuildOptions{}, Exact, 0, KeepBorrow},
		{AutoExactRows + 1, BuildOptions{}, Flat, 5, KeepBorrow},
		{5, BuildOptions{Keep: KeepNone}, Flat, 8, KeepNone},
		{5, BuildOptions{Kind: Flat}, Flat, 5, KeepBorrow},
		{5, BuildOptions{Kind: Flat, Bits: 2, Keep: KeepCopy}, Flat, 2, KeepCopy},
		{5, BuildOptions{Kind: Exact, Bits: 7}, Exact, 0, KeepBorrow},
	} {
		require.NoError(t, c.o.Resolve(&Column{Rows: c.rows, Dims: 3}))
		require.Equal(t, c.kind, c.o.Kind, "%+v", c)
		require.Equal(t, c.bits, c.o.Bits, "%+v", c)
		require.Equal(t, c.keep, c.o.Keep, "%+v", c)
		require.Equal(t, 0.95, c.o.Recall)
		require.Equal(t, c.rows, c.o.IDs.Len())
	}
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		o    BuildOptions
		kind ErrorKind
	}{
		"metric":              {BuildOptions{Metric: Jaccard + 1}, MetricError},
		"kind":                {BuildOptions{Kind: 4}, InvalidArgument},
		"exact, nothing kept": {BuildOptions{Kind: Exact, Keep: KeepNone}, InvalidArgument},
		"10 bits":             {BuildOptions{Kind: Flat, Bits: 10}, InvalidArgument},
		"-1 bits":             {BuildOptions{Kind: Flat, Bits: -1}, InvalidArgument},
		"recall above 1":      {BuildOptions{Recall: 1.01}, InvalidArgument},
		"recall below 0":      {BuildOptions{Recall: -0.5}, InvalidArgument},
		"ids too few":         {BuildOptions{IDs: column.PositionIDs(4)}, InvalidArgument},
		"no text":             {BuildOptions{Provenance: "\xff"}, InvalidArgument},
		"text too long": {BuildOptions{Provenance: strings.Repeat("a", MaxProvenance+1)},
			InvalidArgument},
	} {
		err := c.o.Resolve(&Column{Rows: 5, Dims: 3})
		require.Equal(t, c.kind, fault.KindOf(err), name)
	}
}

func TestTheTableOfEpsilonsRisesWithTheTarget(t *testing.T) {
	for target, want := range map[float64]float64{
		0.1: 1.6, 0.9: 1.6, 0.91: 1.9, 0.95: 1.9, 0.96: 2.4, 0.99: 2.4, 0.995: 0, 1: 0,
	} {
		require.Equal(t, want, segment.EpsilonFor(target), "recall %v", target)
	}
}

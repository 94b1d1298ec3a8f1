package arrowidx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

func TestKindNumbersAreThoseOfC(t *testing.T) {
	// Append-only: the same numbers are in cabi/ruvector.h and python/ruvector/_errors.py.
	for kind, want := range map[fault.Kind]int32{
		fault.OK: 0, fault.InvalidArgument: 1, fault.DimensionMismatch: 2, fault.InvalidVector: 3, fault.EmptyIndex: 4,
		fault.IndexClosed: 5, fault.UnknownID: 6, fault.DuplicateID: 7, fault.VectorsChanged: 8, fault.ColumnError: 9,
		fault.MetricError: 10, fault.PersistError: 11, fault.NotAnIndex: 12, fault.FormatTooNew: 13, fault.CorruptIndex: 14,
		fault.LimitExceeded: 15, fault.OutOfMemory: 16, fault.Cancelled: 17, fault.ForkedProcess: 18, fault.NativeError: 19,
		fault.Poisoned: 20, fault.VectorIndexError: 21, fault.LakeError: 22, fault.BackendError: 23, fault.UnknownBackend: 24,
		fault.UnknownCollection: 25, fault.WitnessMismatch: 26, fault.CacheMiss: 27, fault.EmbedError: 28,
		fault.MissingExtra: 29, fault.A2aError: 30, fault.FileMissing: 31,
	} {
		require.EqualValues(t, want, kind, kind.String())
	}
	names := map[string]bool{}
	for kind := fault.OK; kind <= fault.FileMissing; kind++ {
		require.False(t, names[kind.String()], "%s is named twice", kind)
		names[kind.String()] = true
	}
	require.Equal(t, "ErrorKind(32)", (fault.FileMissing + 1).String())
	require.Equal(t, "ErrorKind(-1)", fault.Kind(-1).String())
}

func TestAnErrorIsOneSentence(t *testing.T) {
	cause := errors.New("disk full")
	for want, e := range map[string]*fault.Error{
		"m":                         {Msg: "m"},
		"build: m":                  {Op: "build", Msg: "m"},
		"build: m; do this":         {Op: "build", Msg: "m", Fix: "do this"},
		"m: disk full":              {Msg: "m", Err: cause},
		"save: m: disk full; retry": {Op: "save", Msg: "m", Err: cause, Fix: "retry"},
	} {
		require.EqualError(t, e, want)
	}
	require.ErrorIs(t, &fault.Error{Msg: "m", Err: cause}, cause)
}

func TestTheKindIsFoundThroughWrapping(t *testing.T) {
	e := fault.New(fault.LimitExceeded, "op", "m", "")
	for want, err := range map[fault.Kind]error{
		fault.OK:            nil,
		fault.LimitExceeded: fmt.Errorf("outer: %w", e),
		fault.NativeError:   errors.New("foreign"),
		fault.Cancelled:     fmt.Errorf("outer: %w", context.DeadlineExceeded),
	} {
		require.Equal(t, want, fault.KindOf(err))
	}
	require.Equal(t, fault.Cancelled, fault.KindOf(context.Canceled))
	require.EqualValues(t, []int64{-1, -1}, []int64{e.Row, e.Column}, "no place is -1")
}

func TestNamesOfOptionsAreReadAndWritten(t *testing.T) {
	for m := column.Cosine; m <= column.SqEuclidean; m++ {
		got, err := column.ParseMetric(m.String())
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
	for _, k := range []segment.Kind{segment.Auto, segment.Exact, segment.Flat} {
		got, err := segment.ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	for k := segment.KeepAuto; k <= segment.KeepNone; k++ {
		got, err := segment.ParseKeep(k.String())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	euclidean, err := column.ParseMetric("euclidean")
	require.NoError(t, err)
	require.Equal(t, column.L2, euclidean)
	for _, name := range []string{"", "Cosine", "l2 ", "manhattan"} {
		_, err := column.ParseMetric(name)
		require.Equal(t, fault.MetricError, fault.KindOf(err), name)
		_, err = segment.ParseKind(name)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), name)
		_, err = segment.ParseKeep(name)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), name)
		require.ErrorContains(t, err, fmt.Sprintf("%q", name))
	}
	require.Equal(t, []string{"Metric(9)", "Kind(9)", "Keep(9)"},
		[]string{column.Metric(9).String(), segment.Kind(9).String(), segment.Keep(9).String()})
	require.Equal(t, []bool{true, true, false, false},
		[]bool{column.Cosine.Larger(), column.Dot.Larger(), column.L2.Larger(), column.SqEuclidean.Larger()})
}

func TestDefaultsOfABuild(t *testing.T) {
	for _, c := range []struct {
		rows int
		o    build.Options
		kind segment.Kind
		bits int
		keep segment.Keep
	}{
		{segment.AutoExactRows, build.Options{}, segment.Exact, 0, segment.KeepBorrow},
		{segment.AutoExactRows + 1, build.Options{}, segment.Flat, 5, segment.KeepBorrow},
		{5, build.Options{Keep: segment.KeepNone}, segment.Flat, 8, segment.KeepNone},
		{5, build.Options{Kind: segment.Flat}, segment.Flat, 5, segment.KeepBorrow},
		{5, build.Options{Kind: segment.Flat, Bits: 2, Keep: segment.KeepCopy}, segment.Flat, 2, segment.KeepCopy},
		{5, build.Options{Kind: segment.Exact, Bits: 7}, segment.Exact, 0, segment.KeepBorrow},
	} {
		require.NoError(t, c.o.Resolve(&column.Column{Rows: c.rows, Dims: 3}))
		require.Equal(t, c.kind, c.o.Kind, "%+v", c)
		require.Equal(t, c.bits, c.o.Bits, "%+v", c)
		require.Equal(t, c.keep, c.o.Keep, "%+v", c)
		require.Equal(t, 0.95, c.o.Recall)
		require.Equal(t, c.rows, c.o.IDs.Len())
	}
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		o    build.Options
		kind fault.Kind
	}{
		"metric":              {build.Options{Metric: column.Jaccard + 1}, fault.MetricError},
		"kind":                {build.Options{Kind: 4}, fault.InvalidArgument},
		"exact, nothing kept": {build.Options{Kind: segment.Exact, Keep: segment.KeepNone}, fault.InvalidArgument},
		"10 bits":             {build.Options{Kind: segment.Flat, Bits: 10}, fault.InvalidArgument},
		"-1 bits":             {build.Options{Kind: segment.Flat, Bits: -1}, fault.InvalidArgument},
		"recall above 1":      {build.Options{Recall: 1.01}, fault.InvalidArgument},
		"recall below 0":      {build.Options{Recall: -0.5}, fault.InvalidArgument},
		"ids too few":         {build.Options{IDs: column.PositionIDs(4)}, fault.InvalidArgument},
		"no text":             {build.Options{Provenance: "\xff"}, fault.InvalidArgument},
		"text too long": {build.Options{Provenance: strings.Repeat("a", build.MaxProvenance+1)},
			fault.InvalidArgument},
	} {
		err := c.o.Resolve(&column.Column{Rows: 5, Dims: 3})
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

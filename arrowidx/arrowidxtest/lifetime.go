package arrowidxtest

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// roundTrip saves, loads, attaches, and saves again.
func (s suite) roundTrip(t *testing.T) {
	k := newTask(Rand(t, 120), 2500, 18, 6)
	path := filepath.Join(t.TempDir(), "conform.rvx")
	for _, metric := range Metrics {
		o := arrowidx.BuildOptions{Metric: metric, Provenance: "été", Seed: 5, Recall: 0.9}
		ix := s.index(t, k, 2, o)
		want := first(Search(t, ix, k.params(7)))
		for _, vectors := range []bool{true, false} {
			if err := ix.Save(t.Context(), path, vectors); err != nil {
				t.Fatal(err)
			}
			again, err := arrowidx.Load(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if !vectors {
				col := Column(t, k.rows, k.d, 5)
				if err := again.Attach(col); err != nil {
					t.Fatal(err)
				}
				col.Release()
			}
			if diff := Unequal(want, first(Search(t, again, k.params(7)))); diff != "" {
				t.Fatalf("%s, vectors %v: %s", metric, vectors, diff)
			}
			sameFacts(t, ix.Info(), again.Info())
			if !bytes.Equal(Bytes(t, ix, vectors), Bytes(t, again, vectors)) {
				t.Fatalf("%s, vectors %v: saved again, the file is another", metric, vectors)
			}
			again.Close()
		}
		ix.Close()
	}
}

// sameFacts compares what an index tells about itself with what its copy does. Memory may differ,
// and how long a build took is not in files.
func sameFacts(t testing.TB, a, b arrowidx.Info) {
	t.Helper()
	for _, in := range []*arrowidx.Info{&a, &b} {
		in.Keep, in.IndexBytes, in.BorrowedBytes, in.MappedBytes = "", 0, 0, 0
		in.Stages = nil
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("loaded %+v\nsaved  %+v", b, a)
	}
}

// closed calls everything on an index after its end.
func (s suite) closed(t *testing.T) {
	k := newTask(Rand(t, 121), 300, 8, 1)
	built := s.index(t, k, 1, arrowidx.BuildOptions{IDs: EveryIDs(t, k.n)["string"],
		Provenance: "text"})
	loaded, err := arrowidx.Decode(t.Context(), Bytes(t, built, true))
	if err != nil {
		t.Fatal(err)
	}
	col := Column(t, k.rows, k.d, 1)
	defer col.Release()
	for name, ix := range map[string]*arrowidx.Index{"built": built, "loaded": loaded} {
		ids := ix.IDs()
		ix.Close()
		ix.Close() // twice is once
		ix.Detach()
		out, p := Outputs(1, 3), k.params(3)
		_, searched := ix.Search(t.Context(), &p, &out)
		for call, err := range map[string]error{
			"search": searched,
			"row":    ix.Row(0, make([]float32, k.d)),
			"attach": ix.Attach(col),
			"encode": ix.Encode(t.Context(), io.Discard, false),
			"save":   ix.Save(t.Context(), filepath.Join(t.TempDir(), "x"), true),
		} {
			if arrowidx.KindOf(err) != arrowidx.IndexClosed {
				t.Errorf("%s of a closed %s index: %v", call, name, err)
			}
		}
		if in := ix.Info(); in.Rows != k.n || in.Vectors || ix.Len() != k.n || ix.Dim() != k.d {
			t.Errorf("a closed %s index tells %+v", name, in)
		}
		if ix.SourceFloats() != nil {
			t.Errorf("a closed %s index has vectors", name)
		}
		if have := ids.Name(int64(k.n - 1)); have != `"row-299-é"` {
			t.Errorf("the ids of a closed %s index are gone: %s", name, have)
		}
	}
}

// closing closes an index under searches: each gets the right answer or IndexClosed.
func (s suite) closing(t *testing.T) {
	k := newTask(Rand(t, 122), 3000, 16, 3)
	for range 8 {
		ix := s.index(t, k, 1, arrowidx.BuildOptions{Keep: arrowidx.KeepCopy})
		p := k.params(4)
		want := first(Search(t, ix, p))
		var wg sync.WaitGroup
		started := make(chan bool, 4)
		for range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					out := Outputs(k.nq, 4)
					_, err := ix.Search(context.Background(), &p, &out)
					if i == 0 {
						started <- true
					}
					if arrowidx.KindOf(err) == arrowidx.IndexClosed {
						return
					}
					if diff := Unequal(want, out); err != nil || diff != "" {
						t.Errorf("error %v, %s", err, diff)
						return
					}
				}
			})
		}
		<-started
		ix.Close()
		wg.Wait()
	}
}

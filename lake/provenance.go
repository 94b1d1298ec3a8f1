package lake

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// rotation is the kind of rotation that all codes of this version have.
const rotation = "fht"

// contentOf describes what an index is made of, for a bundle of format 3. It reads all ids and
// vectors.
func contentOf(ctx context.Context, ix *arrowidx.Index) (bundle.Content, error) {
	d := bundle.NewDigest()
	err := ix.Content(func(ids *arrowidx.IDs, vectors *arrowidx.Column) error {
		return d.AddContext(ctx, ids, vectors, 0)
	})
	if err != nil {
		return bundle.Content{}, err
	}
	return bundle.Content{
		Rotation: rotation, Metric: ix.Metric().String(), Kind: ix.Kind().String(),
		Codec: arrowidx.FormatVersion, Rows: d.Rows(), Digest: d.Sum(),
	}, nil
}

// provenance is what the index file of a lake says of its content, beside the index itself.
type provenance struct {
	Witness    string `json:"witness"` // of format 2
	DataRef    string `json:"data_ref"`
	Generation string `json:"generation"` // as people read it
	Digest     string `json:"digest"`     // see bundle.Digest
	// Embedder is what made the vectors, where that is known.
	Embedder json.RawMessage `json:"embedder,omitempty"`
}

// provenanceOf writes what the index file of a bundle's data says.
func provenanceOf(b *bundle.Bundle) string {
	text, _ := json.Marshal(provenance{ // of texts: it cannot fail
		witness2(b), b.DataRef, b.Generation.String(), b.Content.Digest,
		json.RawMessage(b.Embedder),
	})
	return string(text)
}

// belongs says whether an index is that of a bundle: by the witness that it carries and, of format
// 3, by the digest that it carries and by what can be told without reading vectors.
//
// Errors: WitnessMismatch naming what differs.
func belongs(ix *arrowidx.Index, b *bundle.Bundle) error {
	var p provenance
	if json.Unmarshal([]byte(ix.Provenance()), &p) != nil || p.Witness == "" {
		return mismatch("the index carries no witness: no lake saved it")
	}
	if want := witness2(b); p.Witness != want {
		return mismatch("the index carries witness %s (%s, generation %s), the bundle has %s "+
			"(%s, generation %s)", p.Witness, p.DataRef, p.Generation, want, b.DataRef, b.Generation)
	}
	if other := bundle.EmbeddersDiffer(bundle.ReadEmbedder(ix.Provenance()), b.Embedder); other != "" {
		return mismatch("the vectors of the index and those of the bundle were made apart: %s", other)
	}
	fields := []field{{"dim", dimOf(ix), b.Dim}}
	if b.FormatVersion >= 3 {
		fields = append(fields, field{"rows", int64(ix.Len()), b.Content.Rows},
			field{"metric", ix.Metric().String(), b.Content.Metric},
			field{"kind", ix.Kind().String(), b.Content.Kind},
			field{"rotation", rotation, b.Content.Rotation},
			field{"content", p.Digest, b.Content.Digest})
	}
	for _, f := range fields {
		if f.index != f.bundle {
			return mismatch("the index has %s %v, the bundle says %v", f.name, f.index, f.bundle)
		}
	}
	return nil
}

// field is something that an index and its bundle must agree on.
type field struct {
	name          string
	index, bundle any
}

// proved reads all ids and vectors of an index and compares their digest with that of its bundle.
//
// Errors: WitnessMismatch with both digests, or for a bundle without one; those of reading.
func proved(ctx context.Context, ix *arrowidx.Index, b *bundle.Bundle) error {
	if b.FormatVersion < 3 {
		return mismatch("a bundle of format %d has no digest of ids and vectors", b.FormatVersion)
	}
	got, err := contentOf(ctx, ix)
	if err != nil {
		return err
	}
	if got.Digest != b.Content.Digest {
		return mismatch("the ids and vectors of the index have digest %s, the bundle says %s",
			got.Digest, b.Content.Digest)
	}
	return nil
}

// mismatch is the error of an index and a bundle that do not belong together.
func mismatch(format string, values ...any) error {
	return fault.New(fault.WitnessMismatch, "warm", fmt.Sprintf(format, values...),
		"save the collection again")
}

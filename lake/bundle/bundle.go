// Package bundle is the document that goes beside a published index, table.rulake.json, and its
// witness: a hash that says which data the index was made of.
//
// Everything that is read is hostile until it is checked: limits hold before anything is parsed,
// and a document is either understood whole or refused.
//
// Reading order: generation.go, bundle.go, witness.go; document.go (JSON); file.go, temporary.go
// (folders); digest.go, row_hash.go (ids and vectors); name.go (collections).
package bundle

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ruvector/ruvector-arrow/fault"
)

// FileName is the name of a bundle in its folder.
const FileName = "table.rulake.json"

// The limits of a bundle.
const (
	MaxBytes = 64 << 10 // of the document
	MaxText  = 4 << 10  // bytes of each text in it
	MaxDim   = 8192
)

const op = "bundle"

// Bundle says which data an index was made of. The zero value of what is optional means absent.
type Bundle struct {
	FormatVersion int // 1 to 3; a new bundle has 2, or 3 where asked for
	DataRef       string
	Dim           int
	RotationSeed  uint64
	RerankFactor  int
	Generation    Generation
	Witness       string // 64 lower-case hex digits
	PIIPolicy     string
	LineageID     string
	MemoryClass   string
	// Embedder is what made the vectors, an object of JSON (see ReadEmbedder) that no witness covers.
	Embedder string
	// Of format 3 only.
	Content Content
}

// Content is what a witness of format 3 covers beside the fields of format 2.
type Content struct {
	Rotation string // kind of the rotation, for example "fht"
	Metric   string
	Kind     string // kind of index
	Codec    int    // format version of the index file
	Rows     int64
	Digest   string // SHA-256 of ids and vectors, see Digest; 64 lower-case hex digits
}

// Seal fills in the witness of the bundle's format; a format of 0 becomes 2.
//
// Errors: LakeError naming the field that no bundle can have.
func (b *Bundle) Seal() error {
	if b.FormatVersion == 0 {
		b.FormatVersion = 2
	}
	if err := b.check(); err != nil {
		return err
	}
	b.Witness = b.recompute()
	return nil
}

// Verify makes the witness again and compares.
//
// Errors: WitnessMismatch with both witnesses, also when the witness is not written as 64
// lower-case hex digits; LakeError naming the field that no bundle can have.
func (b Bundle) Verify() error {
	if err := b.check(); err != nil {
		return err
	}
	made := b.recompute()
	if !canonical(b.Witness) {
		return mismatch(fmt.Sprintf("the witness %s is not 64 lower-case hex digits; "+
			"the fields have the witness %s", shown(b.Witness), made))
	}
	if !same(made, b.Witness) {
		return mismatch(fmt.Sprintf("the bundle says witness %s, its fields have the witness %s",
			b.Witness, made))
	}
	return nil
}

func mismatch(msg string) error {
	return fault.New(fault.WitnessMismatch, op, msg,
		"the bundle was changed after it was published: publish it again, or trust another copy")
}

// VerifyAgainst verifies both bundles and compares what they are witnesses of: the fields of format
// 2, and those of format 3 if both have them. Policies, lineage and memory class may differ.
//
// Errors: those of Verify; WitnessMismatch naming every field that differs.
func (b Bundle) VerifyAgainst(other Bundle) error {
	if err := b.Verify(); err != nil {
		return err
	}
	if err := other.Verify(); err != nil {
		return prefixed("the bundle to compare with", err)
	}
	differing := b.differences(other)
	if len(differing) == 0 {
		return nil
	}
	return fault.New(fault.WitnessMismatch, op, fmt.Sprintf(
		"witness %s is not witness %s: %s", b.Witness, other.Witness,
		strings.Join(differing, ", ")), "they are bundles of different data or states of it")
}

// differences describes the fields that two bundles have not in common.
func (b Bundle) differences(other Bundle) []string {
	type pair struct {
		name        string
		mine, yours any
	}
	pairs := []pair{
		{"data_ref", b.DataRef, other.DataRef},
		{"dim", b.Dim, other.Dim},
		{"rotation_seed", b.RotationSeed, other.RotationSeed},
		{"rerank_factor", b.RerankFactor, other.RerankFactor},
		{"generation", b.Generation, other.Generation},
	}
	if b.FormatVersion == 3 && other.FormatVersion == 3 {
		mine, yours := b.Content, other.Content
		pairs = append(pairs,
			pair{"content.rotation", mine.Rotation, yours.Rotation},
			pair{"content.metric", mine.Metric, yours.Metric},
			pair{"content.kind", mine.Kind, yours.Kind},
			pair{"content.codec", mine.Codec, yours.Codec},
			pair{"content.rows", mine.Rows, yours.Rows},
			pair{"content.digest", mine.Digest, yours.Digest})
	}
	var found []string
	for _, p := range pairs {
		if p.mine != p.yours {
			found = append(found, fmt.Sprintf("%s is %s, not %s", p.name, told(p.mine), told(p.yours)))
		}
	}
	return found
}

// told is a value as errors show it.
func told(v any) string {
	switch v := v.(type) {
	case string:
		return shown(v)
	case Generation:
		if text, ok := v.Text(); ok {
			return shown(text)
		}
	}
	return fmt.Sprint(v)
}

// shown quotes a text, of a long one its beginning.
func shown(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q... (%d bytes)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// prefixed puts something in front of what an error says.
func prefixed(what string, err error) error {
	if e, ok := err.(*fault.Error); ok {
		own := *e
		own.Msg = what + ": " + e.Msg
		return &own
	}
	return err
}

func refuse(fix, format string, values ...any) error {
	return fault.New(fault.LakeError, op, fmt.Sprintf(format, values...), fix)
}

// check refuses fields that no bundle can have; the witness is not looked at.
func (b Bundle) check() error {
	if b.FormatVersion < 1 || b.FormatVersion > 3 {
		return refuse("a later version of this package may know it",
			"format_version is %d, formats 1 to 3 are known", b.FormatVersion)
	}
	if b.Dim < 1 || b.Dim > MaxDim {
		return refuse("", "dim is %d, which must be between 1 and %d", b.Dim, MaxDim)
	}
	if b.RerankFactor < 1 || b.RerankFactor > math.MaxInt32 {
		return refuse("", "rerank_factor is %d, which must be between 1 and %d", b.RerankFactor,
			math.MaxInt32)
	}
	generation, _ := b.Generation.Text()
	texts := [][2]string{
		{"data_ref", b.DataRef}, {"generation", generation}, {"pii_policy", b.PIIPolicy},
		{"lineage_id", b.LineageID}, {"memory_class", b.MemoryClass},
	}
	if b.Embedder != "" {
		if err := checkJSON([]byte(b.Embedder)); err != nil {
			return prefixed("embedder", err)
		}
		if _, err := readEmbedder(json.RawMessage(b.Embedder)); err != nil {
			return err
		}
	}
	if b.FormatVersion == 3 {
		if err := b.Content.check(); err != nil {
			return err
		}
		texts = append(texts, [2]string{"content.rotation", b.Content.Rotation},
			[2]string{"content.metric", b.Content.Metric}, [2]string{"content.kind", b.Content.Kind})
	}
	for _, t := range texts {
		if err := checkText(t[0], t[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c Content) check() error {
	if c.Codec < 0 || c.Codec > math.MaxInt32 {
		return refuse("", "content.codec is %d, which must be between 0 and %d", c.Codec,
			math.MaxInt32)
	}
	if c.Rows < 0 {
		return refuse("", "content.rows is %d, which is less than none", c.Rows)
	}
	if !canonical(c.Digest) {
		return refuse("take it from Digest",
			"content.digest is %s, which is not 64 lower-case hex digits", shown(c.Digest))
	}
	return nil
}

func checkText(name, text string) error {
	if len(text) > MaxText {
		return refuse("shorten it", "%s has %d bytes, at most %d are allowed", name, len(text),
			MaxText)
	}
	if !utf8.ValidString(text) {
		return refuse("", "%s is %s, which is not UTF-8", name, shown(text))
	}
	return nil
}

// Package bundle is the document that goes beside a published index, table.rulake.json, and its
// witness: a hash that says which data the index was made of.
//
// Reading order: generation.go, bundle.go.
package bundle

// FileName is the name of a bundle in its folder.
const FileName = "table.rulake.json"

// Bundle says which data an index was made of. The zero value of what is optional means absent.
type Bundle struct {
	FormatVersion int // 1 and 2 are read; 2, or 3 where asked for, is written
	DataRef       string
	Dim           int
	RotationSeed  uint64
	RerankFactor  int
	Generation    Generation
	Witness       string // 64 lower-case hex digits
	PIIPolicy     string
	LineageID     string
	MemoryClass   string
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

package score

import (
	"encoding/hex"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// Facts are what a file says of itself.
type Facts struct {
	Rows      int64       `json:"rows"`
	Groups    [][2]int64  `json:"groups"`    // rows and compressed bytes of each row group
	Spans     [][2]int64  `json:"spans"`     // where the pages of each row group begin and end
	Columns   [][3]string `json:"columns"`   // name, type and kind: "vectors", "text" or "other"
	Fields    []int32     `json:"fields"`    // number of each column that a table gave it, -1: none
	Embedders []string    `json:"embedders"` // what the file says made each column, "" if nothing
	Digest    string      `json:"digest"`    // SHA-256 of length and footer, in hexadecimal
	CreatedBy string      `json:"created_by"`
}

// Look reads what a file says of itself; nothing but its footer is read. The file stays open.
//
// Errors: PersistError where it is damaged.
func Look(f *lake.File, label string, limits lake.Limits) (*Facts, error) {
	in, err := open(label, f, limits)
	if err != nil {
		return nil, err
	}
	digest := f.Digest()
	facts := &Facts{Rows: f.Rows(), Digest: hex.EncodeToString(digest[:]),
		CreatedBy: f.CreatedBy(), Groups: [][2]int64{}, Spans: [][2]int64{}, Columns: [][3]string{},
		Fields: []int32{}, Embedders: []string{}}
	for g := range f.Groups() {
		meta := in.pages.MetaData().RowGroup(g)
		facts.Groups = append(facts.Groups, [2]int64{meta.NumRows(), meta.TotalCompressedSize()})
		span, err := spanOf(meta)
		if err != nil {
			return nil, damaged(label, fmt.Sprintf("row group %d cannot be found", g), err)
		}
		facts.Spans = append(facts.Spans, span)
	}
	leaf := 0
	for i := range in.root.NumFields() {
		n := in.root.Field(i)
		facts.Columns = append(facts.Columns, [3]string{n.Name(), typeText(n), in.kindOf(n, leaf)})
		facts.Fields = append(facts.Fields, n.FieldID())
		facts.Embedders = append(facts.Embedders, f.Embedder([]string{n.Name()}))
		leaf += leaves(n)
	}
	return facts, nil
}

// spanOf is where the pages of a row group lie, as the footer has it: of all its columns together.
func spanOf(group *metadata.RowGroupMetaData) (span [2]int64, err error) {
	for i := range group.NumColumns() {
		chunk, err := group.ColumnChunk(i)
		if err != nil {
			return span, err
		}
		begin := chunk.DataPageOffset()
		if at := chunk.DictionaryPageOffset(); chunk.HasDictionaryPage() && at > 0 {
			begin = min(begin, at)
		}
		if i == 0 {
			span[0] = begin
		}
		span[0] = min(span[0], begin)
		span[1] = max(span[1], begin+chunk.TotalCompressedSize())
	}
	return span, nil
}

// kindOf tells what a column, whose first leaf is given, can be searched with as.
func (in *Input) kindOf(n schema.Node, leaf int) string {
	switch l := in.file.Leaves(); {
	case leaves(n) == 1 && isVectors(&l[leaf]):
		return "vectors"
	case isText(n):
		return "text"
	}
	return "other"
}

// isVectors tells whether a leaf holds numbers of lists, or bytes of one length, which can be
// vectors.
func isVectors(l *lake.Leaf) bool {
	if l.Physical == lake.FixedLenByteArray {
		return l.MaxRep == 0 && l.Logical == "" || l.MaxRep == 1 && l.Logical == "FLOAT16"
	}
	number := l.Physical == lake.Float || l.Physical == lake.Double ||
		l.Physical == lake.Int32 && (l.Logical == "INT(8,true)" || l.Logical == "INT(8,false)")
	return l.MaxRep == 1 && number
}

package score

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/fault"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

const op = "score"

// readBuffer is how much of a column chunk is read ahead.
const readBuffer = 128 << 10

// Input is an open parquet file of which columns pass through. Errors name it by its label.
type Input struct {
	label string
	file  *lake.File
	pages *file.Reader
	root  *schema.GroupNode // parsed apart: its nodes become the output's
}

// open wraps a file, which it then owns.
func open(label string, f *lake.File, limits lake.Limits) (in *Input, err error) {
	err = trusting(label, func() error {
		in, err = read(label, f, limits)
		return err
	})
	return in, err
}

func read(label string, f *lake.File, limits lake.Limits) (*Input, error) {
	in := &Input{label: label, file: f}
	props := parquet.NewReaderProperties(memory.NewGoAllocator())
	props.BufferedStreamEnabled, props.BufferSize = true, readBuffer
	props.MaxCompressedPageSize, props.MaxUncompressedPageSize = limits.Page, limits.PageDecoded
	var err error
	in.pages, err = file.NewParquetReader(io.NewSectionReader(f.Source(), 0, f.Size()),
		file.WithReadProps(props))
	if err != nil {
		return nil, damaged(label, "the footer cannot be read", err)
	}
	root, err := schema.FromParquet(in.pages.MetaData().FileMetaData.Schema)
	if err != nil {
		return nil, damaged(label, "the schema cannot be read", err)
	}
	in.root = root.(*schema.GroupNode)
	return in, nil
}

func damaged(label, msg string, err error) error {
	return &fault.Error{Kind: fault.PersistError, Op: op, Msg: label + ": " + msg,
		Fix: "write the file again, or leave it out", Row: -1, Column: -1, Err: err}
}

// Name is what errors call the file.
func (in *Input) Name() string { return in.label }

func (in *Input) leaf(i int) *schema.Column { return in.pages.MetaData().Schema.Column(i) }

func (in *Input) groupRows(group int) int64 { return in.pages.MetaData().RowGroup(group).NumRows() }

func (in *Input) chunk(group, column int) (file.ColumnChunkReader, error) {
	chunk, err := in.pages.RowGroup(group).Column(column)
	if err != nil {
		return nil, in.broken(column, group, "it cannot be read", err)
	}
	return chunk, nil
}

// broken is the error of a column chunk that cannot be read.
func (in *Input) broken(column, group int, msg string, err error) error {
	return damaged(in.label, fmt.Sprintf("row group %d, column %q: %s", group,
		in.leaf(column).Path(), msg), err)
}

// close closes the file.
func (in *Input) close() error { return in.file.Close() }

// field returns a column at the top of the schema and where its leaves begin and end; nil where
// there is none of the name.
func (in *Input) field(name string) (schema.Node, int, int) {
	at := 0
	for i := range in.root.NumFields() {
		node := in.root.Field(i)
		n := leaves(node)
		if node.Name() == name {
			return node, at, at + n
		}
		at += n
	}
	return nil, 0, 0
}

// leaves counts the columns of values under a node.
func leaves(node schema.Node) int {
	group, ok := node.(*schema.GroupNode)
	if !ok {
		return 1
	}
	n := 0
	for i := range group.NumFields() {
		n += leaves(group.Field(i))
	}
	return n
}

// canceled is looked at between batches.
func canceled(ctx context.Context) error { return fault.FromContext(ctx, op) }

// named has an error of the file begin with its label.
func (in *Input) named(err error) error {
	var known *fault.Error
	if name := in.file.Name(); errors.As(err, &known) && name != in.label {
		own := *known
		own.Msg = strings.Replace(own.Msg, name, in.label, 1)
		return &own
	}
	return err
}

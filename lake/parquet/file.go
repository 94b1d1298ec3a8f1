// Package parquet reads vectors out of parquet files.
//
// A [File] is a footer that was read and a source of bytes. [File.Vectors] finds the lists or the
// bytes of fixed length that are vectors; [Vectors.ReadGroup] decodes a row group of them into the
// caller's memory, [Vectors.ReadRows] a few rows. That every list has the same length is proved
// from the levels, run by run, and numbers are copied in bulk, from the file's cache straight to
// where they belong if the page is plain. Pages are read here and not by arrow-go, which verifies
// no checksums, trusts lengths and copies more; its codecs are used.
//
// Files are hostile: any bytes give rows or a named error (PersistError: damaged or no parquet
// file; LimitExceeded: asks for too much; ColumnError: no such column, or one that holds no
// vectors; InvalidVector: rows that are no vectors), and memory stays within [Limits].
//
// Reading order: file.go, footer.go and schema.go (thrift.go beneath them), limits.go; vectors.go,
// shape.go; pages.go, levels.go, walk.go, values.go, codecs.go; rows.go.
package parquet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/ruvector/ruvector-arrow/fault"
)

const op = "parquet"

const damagedFix = "write the file again, or leave it out"

// File is an open parquet file. Safe for concurrent use if its source is.
type File struct {
	name   string
	source io.ReaderAt
	closer io.Closer
	size   int64
	limits Limits
	raw    []byte // the footer's bytes
	footer footer
	said   said
}

// Open reads the footer of the file of size bytes behind r, which must stay readable until Close.
// Errors name it "file"; OpenPath knows a better name.
//
// Errors: PersistError where it is no parquet file, is encrypted or damaged; LimitExceeded.
func Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*File, error) {
	return openNamed(ctx, "file", r, size, limits)
}

// OpenPath opens a regular file of the file system; Close closes it.
//
// Errors: FileMissing, and those of Open.
func OpenPath(ctx context.Context, path string, limits Limits) (*File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fault.New(fault.PersistError, op, path+" is not a regular file",
			"pass a parquet file")
	}
	var file *os.File
	if err == nil {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, missing(path, err)
	}
	return OpenFile(ctx, file, path, limits)
}

// OpenFile is Open for a file of the file system that is open for reading, which Close closes, and
// which is closed on an error. Errors name it by path.
func OpenFile(ctx context.Context, file *os.File, path string, limits Limits) (*File, error) {
	info, err := file.Stat()
	if err != nil {
		_ = file.Close() // only read from
		return nil, missing(path, err)
	}
	f, err := openNamed(ctx, path, file, info.Size(), limits)
	if err != nil {
		_ = file.Close() // only read from
		return nil, err
	}
	f.closer = file
	return f, nil
}

// missing is the error of a path that cannot be opened.
func missing(path string, err error) error {
	kind, fix := fault.PersistError, "make it readable, or leave it out"
	if errors.Is(err, fs.ErrNotExist) {
		kind, fix = fault.FileMissing, "check the path"
	}
	return &fault.Error{Kind: kind, Op: op, Msg: "cannot open " + path, Fix: fix,
		Row: -1, Column: -1, Err: err}
}

func openNamed(
	ctx context.Context, name string, r io.ReaderAt, size int64, limits Limits,
) (f *File, err error) {
	f = &File{name: name, source: r, size: size, limits: limits.filled()}
	defer func() {
		if f.recovered(recover(), &err); err != nil {
			f = nil
		}
	}()
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	if err := f.readFooter(); err != nil {
		return nil, err
	}
	return f, nil
}

// recovered turns what a panic left into the error of a damaged file.
func (f *File) recovered(what any, err *error) {
	if what != nil {
		*err = fault.New(fault.PersistError, op,
			fmt.Sprintf("%s: damaged, or of a form that is not read: %v\n%s", f.name, what,
				debug.Stack()), damagedFix)
	}
}

// readFooter reads the last 8 bytes, then the footer before them.
func (f *File) readFooter() error {
	if f.size < 12 {
		return f.foreign(fmt.Sprintf("%d bytes are no parquet file", f.size))
	}
	var tail [8]byte
	if err := f.readAt(tail[:], f.size-8); err != nil {
		return err
	}
	switch string(tail[4:]) {
	case "PAR1":
	case "PARE":
		return f.foreign("the file is encrypted")
	default:
		return f.foreign("it does not end like a parquet file: cut off, or something else")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > f.size-12 {
		return f.foreign(fmt.Sprintf("damaged: a footer of %d bytes in a file of %d", n, f.size))
	}
	if n > f.limits.Footer {
		return f.exceeded("", "the footer's length", "footer", n, f.limits.Footer)
	}
	f.raw = make([]byte, n)
	if err := f.readAt(f.raw, f.size-8-n); err != nil {
		return err
	}
	return f.decodeFooter()
}

// foreign is the error of a file that cannot be read as a whole.
func (f *File) foreign(msg string) error {
	return fault.New(fault.PersistError, op, f.name+": "+msg, damagedFix)
}

// readAt fills dst with the bytes at offset.
func (f *File) readAt(dst []byte, offset int64) error {
	n, err := f.source.ReadAt(dst, offset)
	if n == len(dst) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return f.foreign(fmt.Sprintf("bytes %d to %d cannot be read: the file has shrunk",
			offset, offset+int64(len(dst))))
	}
	return &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: err,
		Msg: fmt.Sprintf("%s: reading %d bytes at %d", f.name, len(dst), offset),
		Fix: "check the disk or the connection, then try again"}
}

// Name returns the path, or "file".
func (f *File) Name() string { return f.name }

// Size returns the bytes of the file.
func (f *File) Size() int64 { return f.size }

// Rows returns the number of rows.
func (f *File) Rows() int64 { return f.footer.rows }

// Groups returns the number of row groups.
func (f *File) Groups() int { return len(f.footer.groups) }

// GroupRows returns the number of rows of a row group, which must exist, and the row of the file
// that is its first.
func (f *File) GroupRows(group int) (rows, first int64) {
	g := &f.footer.groups[group]
	return g.rows, g.first
}

// GroupOf returns the row group that holds a row, which must exist.
func (f *File) GroupOf(row int64) int {
	low, high := 0, len(f.footer.groups)-1
	for low < high {
		if mid := (low + high + 1) / 2; f.footer.groups[mid].first <= row {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// Leaves returns the columns that hold values, in the order of the file. Do not change them.
func (f *File) Leaves() []Leaf { return f.footer.leaves }

// CreatedBy names the program that wrote the file, as it calls itself.
func (f *File) CreatedBy() string { return f.footer.createdBy }

// Metadata returns the value of a key of the file's own metadata.
func (f *File) Metadata(key string) (string, bool) {
	for i := range f.footer.pairs {
		if f.footer.pairs[i].key == key {
			return f.footer.pairs[i].value, true
		}
	}
	return "", false
}

// Footer returns the bytes of the footer, in Thrift. Do not change them.
func (f *File) Footer() []byte { return f.raw }

// Source returns what the file is read from.
func (f *File) Source() io.ReaderAt { return f.source }

// Digest names the file's content as far as its footer does: SHA-256 of the size (8 bytes,
// little-endian) and the footer, which holds where every page lies. Two files of one digest may
// still differ within pages.
func (f *File) Digest() [32]byte {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, f.size) // a hash takes every write
	h.Write(f.raw)
	return [32]byte(h.Sum(nil))
}

// Close closes the file that OpenPath opened. Reading afterwards fails.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

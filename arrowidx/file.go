package arrowidx

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/format"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// FormatVersion is the newest version of index files: those up to it are read.
const FormatVersion = format.Version

// Decode reads an index from the bytes of a file, which are copied. Whatever the bytes are, the
// result is a correct index or an error, and memory stays within the bytes' own length and a tenth.
//
// Errors: NotAnIndex, FormatTooNew, CorruptIndex naming section and offset, OutOfMemory.
func Decode(ctx context.Context, b []byte) (*Index, error) {
	file, err := mem.NewSlab("load", int64(len(b)))
	if err != nil {
		return nil, err
	}
	copy(file.Mem, b)
	d := format.Decoder{Ctx: ctx, B: file.Mem, Size: uint64(len(b))}
	return opened(d.Take(file))
}

// opened makes an index of the segment that a decoder made.
func opened(seg *segment.Segment, err error) (*Index, error) {
	if err != nil {
		return nil, err
	}
	return newIndex(seg), nil
}

// Encode writes the index as the bytes of an index file. Equal indexes give equal bytes. With
// vectors, the rows are stored, as float32 or float64, so that Decode needs no column.
//
// Errors: InvalidArgument when vectors are asked for and not at hand, IndexClosed, Cancelled, and
// PersistError with what w returned.
func (ix *Index) Encode(ctx context.Context, w io.Writer, vectors bool) error {
	return ix.encode(ctx, w, SaveOptions{Vectors: vectors})
}

func (ix *Index) encode(ctx context.Context, w io.Writer, o SaveOptions) error {
	e, err := ix.encoding(ctx, o)
	if err != nil {
		return err
	}
	defer e.Close()
	return e.Write(ctx, w)
}

// Save writes the index to a file: a temporary file in the same folder, flushed to the disk and
// renamed over path, so that path holds the old bytes or the new ones. Where path is a symbolic
// link, all this is done to what it points to. The owner, mode and access list of a file that is
// replaced are kept. On any error the temporary file is removed; what writers that were killed have
// left of this path goes at the next Save.
//
// Errors: those of Encode; FileMissing when there is no such folder; PersistError naming the step
// that failed, also when path is a folder, a fifo, a socket or a device.
func (ix *Index) Save(ctx context.Context, path string, vectors bool) (err error) {
	return ix.SaveAs(ctx, path, SaveOptions{Vectors: vectors})
}

// SaveOptions says what a file of an index holds.
type SaveOptions struct {
	Vectors bool // the vectors
	// Provenance replaces that of the index in the file, in UTF-8, at most MaxProvenance bytes; "":
	// the index's.
	Provenance string
}

// SaveAs is Save with more to say.
//
// Errors: those of Save; InvalidArgument for a provenance that is too long or not UTF-8.
func (ix *Index) SaveAs(ctx context.Context, path string, o SaveOptions) (err error) {
	if err := build.CheckProvenance("save", o.Provenance); err != nil {
		return err
	}
	at, err := format.Replaced(path)
	if err != nil {
		return err
	}
	format.SweepLeft(ctx, at.Path)
	f, err := format.CreateBeside(at)
	if err != nil {
		return format.FileError("save", "cannot create a file beside "+path, err)
	}
	defer func() {
		if err != nil {
			// The first error is the one to tell; what is left of the temporary must go.
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := ix.encode(ctx, w, o); err != nil {
		return format.Named(path, err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"writing", w.Flush},
		{"keeping the owner and mode of", func() error { return format.KeepAccess(f, at) }},
		{"flushing", f.Sync},
		{"renaming", func() error { return os.Rename(f.Name(), at.Path) }},
		{"closing", f.Close}, // last: until then it is locked
	} {
		if err := step.do(); err != nil {
			return format.FileError("save", step.name+" "+path+" failed", err)
		}
	}
	return format.SyncFolder(filepath.Dir(at.Path))
}

// OpenOptions says how Open opens a file.
type OpenOptions struct {
	// Map leaves the file where it is: codes and vectors are read where the system maps them, of
	// extra bits and vectors those of rows that may be among the nearest. Each part is verified
	// when it is first used. The file must not be written to or cut while the index is open; Save
	// to the same path is fine.
	Map bool
	// Memory is the most bytes, beside those of the file, that a mapped index and its searches may
	// hold at a time; 0 sets no limit. Rows added later, and what changes need, are not counted.
	Memory int64
}

// Open opens an index file: read into memory, or mapped.
//
// A mapped index answers as one that was read does. Errors that reading would give come later: from
// the calls that meet what is damaged, naming section and offset, or from Verify. Where the file
// was cut or written to meanwhile, or cannot be read any more, every call is a PersistError.
//
// Errors: those of Load; PersistError when the file cannot be mapped, LimitExceeded naming the
// least when Memory is too little, InvalidArgument when it is negative, or given for a file that is
// read.
func Open(ctx context.Context, path string, o OpenOptions) (*Index, error) {
	f, err := format.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	return OpenFile(ctx, f, path, o)
}

// OpenFile is Open for a regular file that is open for reading, from its beginning on. It takes the
// file over, in every outcome; path names it in errors.
func OpenFile(ctx context.Context, f *os.File, path string, o OpenOptions) (*Index, error) {
	if o.Memory != 0 && (o.Memory < 0 || !o.Map) {
		_ = f.Close() // read-only: nothing is lost
		return nil, fault.New(InvalidArgument, "load", fmt.Sprintf("memory = %d", o.Memory),
			"it limits what a mapped index holds: map the file, and give a positive number of bytes")
	}
	if o.Map {
		seg, err := format.MapFrom(ctx, f, path)
		if err == nil && o.Memory > 0 {
			if err = limit(seg, o.Memory); err != nil {
				seg.Release()
			}
		}
		ix, err := opened(seg, err)
		if err == nil && o.Memory > 0 {
			ix.turns, ix.waste = make(chan struct{}, turns), wasteShares*seg.Share
		}
		return ix, err
	}
	defer func() { _ = f.Close() }() // read-only: nothing is lost
	st, err := f.Stat()
	if err != nil {
		return nil, format.FileError("load", "cannot read "+path, err)
	}
	ix, err := opened(format.LoadFrom(ctx, f, st.Size()))
	return ix, format.Named(path, err)
}

// Load reads an index from a file into memory. Header and table are checked before anything else is
// read, and every block as it comes, so that little is read of a file that is none of ours.
//
// Errors: FileMissing, PersistError when the file cannot be read or is no regular file (which is
// found out without waiting for it), and those of Decode.
func Load(ctx context.Context, path string) (*Index, error) {
	return Open(ctx, path, OpenOptions{})
}

// Outline is what an index file says of itself at its beginning.
type Outline struct {
	Rows   int64 // those that can never be found included
	Dim    int
	Metric Metric
	// Digest is SHA-256 of the file's header and table, which hold a checksum of every section: files
	// of one digest have the same content, but for checksums that collide.
	Digest [sha256.Size]byte
}

// ReadOutline reads the outline of an index file of so many bytes.
//
// Errors: NotAnIndex, FormatTooNew, CorruptIndex, PersistError when it cannot be read.
func ReadOutline(r io.ReaderAt, size int64) (o Outline, err error) {
	head, params, err := format.Outline(r, size)
	if err != nil {
		return o, err
	}
	o.Digest = sha256.Sum256(head)
	o.Rows, o.Dim, o.Metric = params.Rows, params.Dim, params.Metric
	return o, nil
}

const (
	// turns is how many calls of an index whose memory is limited run at a time, and shares in how
	// many parts what they may hold is cut: search.GrownShares for each of them, wasteShares for
	// what they let go of and the collector has not found yet, the rest for what is remembered.
	turns       = 4
	shares      = 16
	wasteShares = 4
	// leastShare is a part that is enough for any usual search.
	leastShare = 1 << 20
	// filterRow bounds the bytes of filters, those in use and those remembered, for a row.
	filterRow = 4
)

// limit has searches of a mapped segment keep to a limit of memory, its own parts included.
//
// Errors: LimitExceeded naming the least.
func limit(seg *segment.Segment, memory int64) error {
	held := info(seg, map[*Column]bool{}).IndexBytes + filterRow*int64(seg.Rows)
	if least := held + shares*leastShare; memory < least {
		return fault.New(LimitExceeded, "load",
			fmt.Sprintf("memory = %d bytes are not enough for this index, the least is %d", memory,
				least), "give that much, or leave memory out")
	}
	seg.Share = (memory - held) / shares
	seg.IDs.Bare = true
	return nil
}

// Package format is index files: bytes out of a segment and a segment out of bytes, whatever these
// are. docs/format.md describes the format.
//
// Reading order: format.go (header, table, checksums), encode.go and encoding.go (sections and how
// they are written), decode.go, parts.go, cells.go, copies.go and bits.go (checks from the outside
// in), file.go and replace.go (files that are opened, and replaced as a whole).
package format

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
)

// magic has a high bit, a line end of either kind and an end-of-file mark, so that text-mode copies
// and truncations do not pass.
var magic = [8]byte{0x89, 'R', 'V', 'X', '\r', '\n', 0x1a, '\n'}

const formatMajor = 0

const formatMinor = 6

// Version is the newest format of files that this package writes, behind the major number 0.
const Version = formatMinor

const headerSize = 64

const entrySize = 48

const alignment = 64

const maxSections = 64

// crcBlock is the length that one checksum covers: a section longer than this has one for every
// block of it, kept in the section of checksums.
const crcBlock = 256 << 10

// sectionKind numbers the sections; they appear in this order.
type sectionKind uint32

const (
	secChecksums       sectionKind = iota + 1 // uint32 each: blocks of every long section, in order
	secParameters                             // see parameters
	secProvenance                             // UTF-8, opaque to this package
	secMean                                   // float32 x dim
	secRotation                               // bits, 4 x padded dim
	secBlocks                                 // planes and their factors, a block of 32 rows each
	secExtra                                  // extra bits and their factors, row by row
	secNorms                                  // float32 x rows (exact, cosine and dot)
	secIDs                                    // uint64 x rows: int64 and uint64 ids
	secIDOffsets                              // uint64 x (rows+1): string ids
	secIDText                                 // bytes of string ids
	secAlive                                  // uint32 x blocks: rows that can be found
	secVectors                                // float32 x rows x dim
	secContent                                // SHA-256 of ids and vectors
	secCentroids                              // float32 x cells x padded dim (ivf)
	secCellSizes                              // uint32 x cells: rows in each
	secCellExtents                            // float32 x 2 x cells: largest and mean residual length
	secCellRows                               // uint32 x rows that can be found, cell by cell
	secCalibration                            // see PackPoints: settings by recall target
	secNext                                   // uint64: the next number that names a row
	secCopyBlocks                             // second codes of rows, as blocks (ivf)
	secCopySizes                              // uint32 x cells: copies in each
	secCopyRows                               // uint32 x copies: positions, cell by cell
	secCopyCalibration                        // of searches that look at copies
)

var sectionNames = [...]string{"", "checksums", "parameters", "provenance", "mean", "rotation",
	"blocks", "extra", "norms", "ids", "id offsets", "id text", "alive", "vectors", "content",
	"centroids", "cell sizes", "cell extents", "cell rows", "calibration", "next id",
	"copy blocks", "copy sizes", "copy rows", "copy calibration"}

func (k sectionKind) String() string {
	if int(k) < len(sectionNames) && k > 0 {
		return sectionNames[k]
	}
	return fmt.Sprintf("section %d", uint32(k))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// entry is a line of the section table: kind u32, zero u32, offset u64, length u64, count u64,
// element size u32, checksum u32, zero u64. Length = count x element size. The checksum of a
// section longer than crcBlock is that of its block checksums.
type entry struct {
	kind           sectionKind
	offset, length uint64
	count          uint64
	size           uint32
	crc            uint32
}

func (e entry) put(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b, uint32(e.kind))
	le.PutUint64(b[8:], e.offset)
	le.PutUint64(b[16:], e.length)
	le.PutUint64(b[24:], e.count)
	le.PutUint32(b[32:], e.size)
	le.PutUint32(b[36:], e.crc)
}

func getEntry(b []byte) entry {
	le := binary.LittleEndian
	return entry{
		kind: sectionKind(le.Uint32(b)), offset: le.Uint64(b[8:]), length: le.Uint64(b[16:]),
		count: le.Uint64(b[24:]), size: le.Uint32(b[32:]), crc: le.Uint32(b[36:]),
	}
}

// crcBlocks returns how many block checksums a section of this length has.
func crcBlocks(length uint64) uint64 {
	if length <= crcBlock {
		return 0
	}
	return (length + crcBlock - 1) / crcBlock
}

func alignUp(n uint64) uint64 { return (n + alignment - 1) &^ (alignment - 1) }

// header of 64 bytes: magic, major u16, minor u16, required flags u32, optional flags u32, zero
// u32, total length u64, table offset u64, sections u32, table checksum u32, zero x 12, checksum
// of the 60 bytes before it u32.
type header struct {
	major, minor uint16
	required     uint32
	optional     uint32
	length       uint64
	table        uint64
	sections     uint32
	tableCRC     uint32
}

func (h header) bytes() []byte {
	b := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(b, magic[:])
	le.PutUint16(b[8:], h.major)
	le.PutUint16(b[10:], h.minor)
	le.PutUint32(b[12:], h.required)
	le.PutUint32(b[16:], h.optional)
	le.PutUint64(b[24:], h.length)
	le.PutUint64(b[32:], h.table)
	le.PutUint32(b[40:], h.sections)
	le.PutUint32(b[44:], h.tableCRC)
	le.PutUint32(b[60:], checksum(b[:60]))
	return b
}

// parametersSize is the length of the section of parameters: kind u8, metric u8, bits u8, id kind
// u8, dim u32, rows u64, null rows u64, seed u64, recall f64, scale f32, radius f32, digest of
// sampled rows (32 bytes).
const parametersSize = 80

func newChecksum() hash.Hash32 { return crc32.New(castagnoli) }

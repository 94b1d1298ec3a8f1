package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Codecs of the format.
const (
	codecNone   = 0
	codecSnappy = 1
	codecLzo    = 3
	codecLz4    = 5
	codecZstd   = 6
	codecLz4Raw = 7
)

var codecNames = [...]string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD",
	"LZ4_RAW"}

// CodecName names a codec as the format does.
func CodecName(codec int32) string {
	if codec < 0 || int(codec) >= len(codecNames) {
		return fmt.Sprintf("codec %d", codec)
	}
	return codecNames[codec]
}

// slack is how much longer than its contents a buffer is: zstd copies in whole blocks into it, and
// would make a longer one of its own without it.
const slack = 64

// zstdDecoders decode on the calling goroutine and never beyond the buffer they are given.
var zstdDecoders = sync.Pool{New: func() any {
	// Options that are constants cannot fail.
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxWindow(128<<20))
	return d
}}

// decompress fills dst, which has slack behind its end, with what src becomes; any other length is
// an error. Nothing longer than dst is made of it.
func decompress(codec int32, dst, src []byte) error {
	n, err := 0, error(nil)
	switch codec {
	case codecNone:
		n = copy(dst, src)
		if len(src) > len(dst) {
			n = len(src)
		}
	case codecSnappy:
		if n, err = snappy.DecodedLen(src); err == nil && n == len(dst) {
			_, err = snappy.Decode(dst, src)
		}
	case codecZstd:
		d := zstdDecoders.Get().(*zstd.Decoder)
		var out []byte
		out, err = d.DecodeAll(src, dst[:0:len(dst)+slack])
		zstdDecoders.Put(d)
		n = len(out)
	case codecLz4:
		n, err = decompressFramed(dst, src)
	case codecLzo:
		return errors.New("LZO is not supported")
	default:
		if codec < 0 || int(codec) >= len(codecNames) {
			return fmt.Errorf("codec %d is not known", codec)
		}
		n, err = decompressOther(codec, dst, src)
	}
	if err == nil && n != len(dst) {
		err = fmt.Errorf("%d bytes came of a page of %d", n, len(dst))
	}
	return err
}

func decompressOther(codec int32, dst, src []byte) (int, error) {
	if len(dst) == 0 { // arrow's codecs read to the end then, wherever it is
		return 0, nil
	}
	c, err := compress.GetCodec(compress.Compression(codec))
	if err != nil {
		return 0, err
	}
	out, err := compress.Decode(c, dst, src)
	return len(out), err
}

// decompressFramed reads what Hadoop writes as LZ4: blocks, each after its length and the length it
// had, big-endian. Some writers wrote a bare block under the same name.
func decompressFramed(dst, src []byte) (int, error) {
	done, rest := 0, src
	for len(rest) >= 8 {
		whole, stored := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
		if uint64(stored) > uint64(len(rest)-8) || uint64(whole) > uint64(len(dst)-done) {
			break
		}
		n, err := decompressOther(codecLz4Raw, dst[done:done+int(whole)], rest[8:8+stored])
		if err != nil || n != int(whole) {
			break
		}
		done, rest = done+n, rest[8+stored:]
		if len(rest) == 0 {
			return done, nil
		}
	}
	return decompressOther(codecLz4Raw, dst, src)
}

package parquet

import (
	"context"
	"math"
	"math/rand"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/stretchr/testify/require"
)

// speedCases are files of 6,000 vectors of 768 normal numbers.
var speedCases = []struct {
	name     string
	codec    compress.Compression
	encoding pq.Encoding
}{
	{"plain", compress.Codecs.Uncompressed, pq.Encodings.Plain},
	{"streams", compress.Codecs.Uncompressed, pq.Encodings.ByteStreamSplit},
	{"snappy", compress.Codecs.Snappy, pq.Encodings.Plain},
	{"zstd", compress.Codecs.Zstd, pq.Encodings.Plain},
	{"zstd-streams", compress.Codecs.Zstd, pq.Encodings.ByteStreamSplit},
}

func normals(n, dim int) []row {
	r := rand.New(rand.NewSource(1))
	rows := make([]row, n)
	for i := range rows {
		rows[i] = make(row, dim)
		for j := range rows[i] {
			rows[i][j] = r.NormFloat64()
		}
	}
	return rows
}

// BenchmarkGroup reads a row group on one core; MB/s are of numbers.
func BenchmarkGroup(b *testing.B) {
	rows := normals(6000, 768)
	for _, c := range speedCases {
		m := made{groups: [][]row{rows}, codec: c.codec, encoding: c.encoding}
		v := open(b, m.bytes(b))
		dst := make([]byte, len(rows)*v.RowBytes())
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(dst)))
			for b.Loop() {
				require.NoError(b, v.ReadGroup(context.Background(), 0, dst, nil))
			}
		})
	}
}

// BenchmarkCodec only decompresses the same pages.
func BenchmarkCodec(b *testing.B) {
	rows := normals(6000, 768)
	for _, c := range speedCases[2:] {
		m := made{groups: [][]row{rows}, codec: c.codec, encoding: c.encoding}
		v := open(b, m.bytes(b))
		var packed [][]byte
		var sizes []int
		p, err := v.pages(0)
		require.NoError(b, err)
		require.NoError(b, p.each(context.Background(), func(p *pageReader, pg *page) error {
			packed = append(packed, append([]byte(nil), p.packed...))
			sizes = append(sizes, len(p.plain))
			return nil
		}))
		p.release()
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(rows) * v.RowBytes()))
			dst := make([]byte, 64<<20)
			for b.Loop() {
				for i := range packed {
					require.NoError(b, decompress(int32(c.codec), dst[:sizes[i]], packed[i]))
				}
			}
		})
	}
}

// BenchmarkRow reads rows one by one, in no order.
func BenchmarkRow(b *testing.B) {
	rows := normals(6000, 768)
	for _, c := range speedCases[:4] {
		m := made{groups: [][]row{rows}, codec: c.codec, encoding: c.encoding}
		v := open(b, m.bytes(b))
		dst := make([]byte, v.RowBytes())
		r := rand.New(rand.NewSource(2))
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, v.ReadRows(context.Background(), r.Int63n(6000), 1, dst, nil))
			}
		})
	}
}

// What runs say is compared with values one by one, for levels of every width.
func TestRunsAreTheValuesOneByOne(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range 2000 {
		width := 1 + r.Intn(20)
		var want []uint32
		var data []byte
		for range 1 + r.Intn(5) {
			v := uint32(r.Intn(1 << min(width, 3)))
			if n := 1 + r.Intn(100); r.Intn(2) == 0 {
				data = append(data, byte(n<<1), 0)
				if n > 63 {
					data = append(data[:len(data)-2], byte(n<<1)|0x80, byte(n>>6))
					data = append(data, 0)
				}
				data[len(data)-1] = byte(v)
				for range (width+7)/8 - 1 {
					data = append(data, 0)
				}
				for range n {
					want = append(want, v)
				}
				continue
			}
			groups := 1 + r.Intn(5)
			packed := make([]byte, groups*width)
			for i := range groups * 8 {
				if r.Intn(3) == 0 {
					v = uint32(r.Int63n(1 << width))
				}
				want = append(want, v)
				for bit := range width {
					packed[(i*width+bit)/8] |= byte(v>>bit&1) << ((i*width + bit) % 8)
				}
			}
			data = append(append(data, byte(groups<<1|1)), packed...)
		}
		all := newRuns(data, width, len(want))
		have := make([]uint32, len(want))
		require.NoError(t, all.unpack(have))
		require.Equal(t, want, have)
		all = newRuns(data, width, len(want))
		for at := 0; at < len(want); {
			v, n, err := all.next(1 + r.Intn(50))
			require.NoError(t, err)
			for range n {
				require.Equal(t, want[at], v)
				at++
			}
		}
		_, _, err := newRunsPointer(data, width, len(want)+1000).drain()
		require.ErrorIs(t, err, errLevels)
	}
}

func newRunsPointer(data []byte, width, n int) *runs {
	r := newRuns(data, width, n)
	return &r
}

// drain reads to the end.
func (r *runs) drain() (uint32, int, error) {
	for r.left > 0 {
		if v, n, err := r.next(math.MaxInt); err != nil {
			return v, n, err
		}
	}
	return 0, 0, nil
}

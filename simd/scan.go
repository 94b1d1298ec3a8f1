package simd

import "math"

const (
	// BlockRows is the number of rows in a block of codes.
	BlockRows = 32
	// FactorBytes is the size of a block's factors: f_add, f_rescale and f_error, 32 float32 each.
	FactorBytes = 3 * 4 * BlockRows
	// maxScanDim is the largest dimension the scan's integer sums are exact for.
	maxScanDim = 65536
	// callBytes is how much code one assembly call walks at most: a goroutine cannot be stopped
	// inside assembly, so a call must end within some ten microseconds.
	callBytes = 256 << 10
)

// BlockStride returns the bytes from one block to the next: d/8 byte columns of 32 rows, then the
// factors.
//
// Byte j of row r's plane is at [j*32+r]; bit i of it is the sign bit of dimension 8j+i. Then come
// f_add[32], f_rescale[32] and f_error[32], float32 little endian.
func BlockStride(d int) int { return 4*d + FactorBytes }

// ScanQuery is what the scan needs of one query.
//
// With acc the sum of a row's table entries, the scan computes, rounding after every operation:
//
//	v   = acc*Step + Bias
//	e   = (f_add + Add) + f_rescale*v
//	low = e - (f_error*Err + |f_rescale|*TabErr)
//
// and a row survives when low < Tau.
type ScanQuery struct {
	// Tables holds d/4 tables of 16 entries from BuildTables, each entry at most 63.
	Tables []byte
	Step   float32
	Bias   float32
	Add    float32
	Err    float32
	TabErr float32
	Tau    float32
}

// Kernels of this group in force; useScan sets them.
var (
	scanKernel         func(part scanPart, out scanOut, q *ScanQuery)
	scan4Kernel        func(part scanPart, out scanOut, q *[4]ScanQuery)
	groupRangeKernel   func(q []float32) (maxRange, abs float32)
	fillTablesKernel   func(tab []byte, q []float32, inv float32)
	roundInt8Kernel    func(z []int8, q []float32, inv float32)
	dotCodeKernel      func(block []byte, row int, extra []byte, e, d int, z []int8) int32
	dotCodeFloatKernel func(block []byte, row int, extra []byte, e, d int, q []float32) float32
	nextBelowKernel    func(v []float32, from int, tau float32) int
)

func init() { register(useScan) }

// useScanPure points the group at the plain Go kernels.
func useScanPure() {
	scanKernel = scanPure
	scan4Kernel = scan4Pure
	groupRangeKernel = groupRangePure
	fillTablesKernel = fillTablesPure
	roundInt8Kernel = roundInt8Pure
	dotCodeKernel = dotCodePure
	dotCodeFloatKernel = dotCodeFloatPure
	nextBelowKernel = nextBelowPure
	packFlagsKernel = packFlagsPure
}

// scanPart is what one call of a scan kernel reads, and the memory it asks for meanwhile.
type scanPart struct {
	blocks []byte
	d      int
	alive  []uint32
	next   []byte
}

// scanOut is where a scan kernel writes. Query qi of a pass over some blocks writes the mask of
// block b to masks[qi*stride+b] and its estimates to est[(qi*stride+b)*32:].
type scanOut struct {
	masks  []uint32
	est    []float32
	stride int
}

// from returns the outputs of the blocks from number b on.
func (o scanOut) from(b int) scanOut {
	return scanOut{o.masks[b:], o.est[b*BlockRows:], o.stride}
}

// Scan estimates the distances of one query to the rows of len(alive) blocks of dimension d and
// marks the rows whose lower bound is under q.Tau.
//
// blocks holds len(alive) blocks of BlockStride(d) bytes; bit r of alive[b] says that row r of
// block b takes part. masks[b] gets a bit for every surviving row; est[32b:32b+32] gets the
// estimates e of the block's rows, and only when masks[b] is not zero. Blocks with alive[b] == 0
// are not read. The sums are exact integers and the rest rounds in a fixed order, so results are
// bit-equal on all tiers. d is a multiple of 64 up to 65,536.
//
// next is memory that will be read soon, such as blocks of the next call: while it reads blocks,
// the scan asks for about as many bytes of next, from its beginning. It changes no result.
func Scan(
	blocks []byte, d int, alive []uint32, q *ScanQuery, masks []uint32, est []float32, next []byte,
) {
	n := len(alive)
	checkScan(blocks, d, n, 1, masks, est)
	checkLength("tables", len(q.Tables), d*4)
	out := scanOut{masks[:n], est[:n*BlockRows], n}
	step := blocksPerCall(d)
	for b := 0; b < n; b += step {
		part := scanPart{blocks, d, alive, next}
		scanKernel(part.between(b, min(b+step, n)), out.from(b), q)
	}
}

// Scan4 is Scan for four queries in one pass over the codes. Query qi writes masks[qi*n+b] and
// est[(qi*n+b)*32:], n = len(alive); its results equal those of Scan.
func Scan4(
	blocks []byte, d int, alive []uint32, q *[4]ScanQuery, masks []uint32, est []float32, next []byte,
) {
	n := len(alive)
	checkScan(blocks, d, n, len(q), masks, est)
	for i := range q {
		checkLength("tables", len(q[i].Tables), d*4)
	}
	out := scanOut{masks[:4*n], est[:4*n*BlockRows], n}
	step := blocksPerCall(d)
	for b := 0; b < n; b += step {
		part := scanPart{blocks, d, alive, next}
		scan4Kernel(part.between(b, min(b+step, n)), out.from(b), q)
	}
}

// further is how far ahead of itself a long scan asks for memory: measured, it makes one from
// memory a fifth to a third faster and costs nothing from a cache.
const further = 8192

// Further returns what the scan of a long run of blocks asks for: what lies farther on in it.
func Further(blocks []byte) []byte { return blocks[min(further, len(blocks)):] }

// between returns the part of blocks [from, to) and what is as far into the memory to ask for;
// that behind the last block is the last part's.
func (p scanPart) between(from, to int) scanPart {
	stride, next := BlockStride(p.d), p.next
	if to < len(p.alive) {
		next = next[:min(to*stride, len(next))]
	}
	next = next[min(from*stride, len(next)):]
	return scanPart{p.blocks[from*stride : to*stride], p.d, p.alive[from:to], next}
}

func blocksPerCall(d int) int { return max(1, callBytes/BlockStride(d)) }

// BuildTables fills tab, d/4 tables of 16 bytes, for the query q of length d.
//
// Table j serves q[4j:4j+4]. Its entry m is trunc(s*inv + 0.5), at most 63, where
// s = (p0+p1) + (p2+p3), p_i = max(q_i, 0) if bit i of m is set, else max(-q_i, 0);
// inv = 63/maxRange and maxRange is the largest sum |q_i| of a table, added in the same order.
// So each table's own minimum is removed, and over a row's set bits
//
//	sum of q_i - (sum of all q_i)/2  ~=  step*acc - abs/2
//
// step = maxRange/63; abs is the stored sum of |q_i|. When q is zero (or so small that inv
// overflows) step is 0 and so are the tables. q must be finite, and so must the sum of its |q_i|.
func BuildTables(tab []byte, q []float32) (step, abs float32) {
	checkDim(len(q))
	checkLength("tables", len(tab), len(q)*4)
	tab = tab[:len(q)*4]
	maxRange, abs := groupRangeKernel(q)
	inv := float32(maxEntry) / maxRange
	if maxRange == 0 || inv > math.MaxFloat32 {
		clear(tab)
		return 0, abs
	}
	fillTablesKernel(tab, q, inv)
	return maxRange / maxEntry, abs
}

// QuantizeInt8 writes q, rounded half away from zero to multiples of step, to z:
// z[i] = trunc(x + copysign(0.5, x)), x = q[i]*(127/max|q|). step is max|q|/127; when q is zero
// (or so small that 127/max|q| overflows) step and z are 0. q must be finite; its length is a
// multiple of 64 and len(z) at least that.
func QuantizeInt8(z []int8, q []float32) (step float32) {
	checkDim(len(q))
	checkLength("int8 values", len(z), len(q))
	z = z[:len(q)]
	m := MaxAbs(q)
	inv := float32(maxInt8) / m
	if m == 0 || inv > math.MaxFloat32 {
		clear(z)
		return 0
	}
	roundInt8Kernel(z, q, inv)
	return m / maxInt8
}

// ExtraBytes returns the size of one row's extra code of e bits per dimension.
//
// For each width w of 8, 4, 2, 1 in the binary form of e, greatest first, it holds a plane of
// d*w/8 bytes made of groups of 64 dimensions: w = 8, byte k is dimension k; w = 4, 32 bytes, byte
// k holds dimension k and, shifted left by 4, dimension k+32; w = 2, 16 bytes, byte k holds
// dimensions k, k+16, k+32, k+48 at bits 0, 2, 4, 6; w = 1, 8 bytes, bit i is dimension i. A value
// puts its highest bits in the first plane.
func ExtraBytes(d, e int) int { return d * e / 8 }

// DotCode returns the sum of u_i*z[i] over the d dimensions of one row, exactly. u = s*2^e + x with
// the sign bit s from row of block and the e-bit x from extra, 1 <= e <= 4. block may end after
// the d/8 byte columns.
func DotCode(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
	if e < 1 || e > 4 {
		panic("simd: DotCode takes 1 to 4 extra bits")
	}
	checkCode(block, row, extra, e, d)
	checkLength("int8 values", len(z), d)
	return dotCodeKernel(block, row, extra, e, d, z)
}

// DotCodeFloat returns the sum of u_i*q[i], u as in DotCode, 0 <= e <= 8, as a stored sum: 16
// float32 lanes, multiply then add, folded 8, 4, 2, 1. Bit-equal on all tiers.
func DotCodeFloat(block []byte, row int, extra []byte, e, d int, q []float32) float32 {
	if e < 0 || e > 8 {
		panic("simd: DotCodeFloat takes 0 to 8 extra bits")
	}
	checkCode(block, row, extra, e, d)
	checkLength("query", len(q), d)
	return dotCodeFloatKernel(block, row, extra, e, d, q)
}

// NextBelow returns the smallest i >= from with v[i] < tau, or len(v) when there is none. NaN is
// not below anything. v may have any length; from must not be negative.
func NextBelow(v []float32, from int, tau float32) int {
	if from < 0 {
		panic("simd: negative start")
	}
	if from >= len(v) {
		return len(v)
	}
	return nextBelowKernel(v, from, tau)
}

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	blockRows = 32
	// chunkBytes is 512 byte columns, 4,096 dimensions: the even sums then hold 256 groups of four
	// entries of at most 63 each, 64,512 in all, and fit 16 bits.
	chunkBytes = 512 * blockRows
	// loopBytes is the unroll: four byte columns, 32 dimensions.
	loopBytes = 4 * blockRows
)

// scan generates one scan kernel: passes over blocks of codes, so many blocks at a time for so
// many queries. Two blocks share a query's table loads; four queries share a block's nibbles.
type scan struct {
	blocks, queries int
	pass            string // suffix of the labels of the pass being generated

	size   GPVirtual   // bytes of a block's codes
	offset GPVirtual   // byte column being read, times 32; tables advance by the same amount
	codes  []GPVirtual // start of each block
	number []GPVirtual // number of each block
	next   GPVirtual   // next block to look at
	fetch  GPVirtual   // memory to ask for
	left   GPVirtual   // how much of it
	tables []GPVirtual
	sums   [][2]VecVirtual // per block and query: whole words, and their high bytes
	frame  Mem             // sums of earlier chunks, 128 bytes per block and query
	// waiting holds sums, 64 bytes per block and query, until they are finished
	waiting Mem
}

func scanKernel(name string, blocks, queries int) {
	s := &scan{blocks: blocks, queries: queries}
	if queries == 1 {
		TEXT(name, 0, "func(blocks *byte, size int, alive *uint32, n int, masks *uint32, "+
			"est *float32, tables *byte, params *[6]float32, fetch *byte, left int)")
	} else {
		TEXT(name, 0, "func(blocks *byte, size int, alive *uint32, n int, masks *uint32, "+
			"est *float32, stride int, tables *[4]*byte, params *[4][6]float32, "+
			"fetch *byte, left int)")
	}
	Pragma("noescape")
	Doc(fmt.Sprintf("%s scans n blocks of size code bytes each, %d blocks and %d queries a pass.",
		name, blocks, queries),
		"params are Step, Bias, Add, Err, TabErr, Tau of each query. It asks for the left bytes",
		"from fetch as it goes, as many as it reads, to whole lines.")
	s.frame = AllocLocal(blocks * queries * 4 * blockRows)
	if queries > 1 {
		s.waiting = AllocLocal(blocks * queries * 2 * blockRows)
	}
	s.load()
	Label("pick")
	for k := range blocks {
		s.pick(k)
	}
	s.sumColumns()
	s.finish()
	JMP(LabelRef("pick"))
	if blocks > 1 {
		Label("alone")
		s.pass, s.blocks, s.codes, s.sums = "Alone", 1, s.codes[:1], s.sums[:queries]
		s.sumColumns()
		s.finish()
	}
	Label("done")
	VZEROUPPER()
	RET()
}

// load reads the arguments that stay in registers.
func (s *scan) load() {
	s.size = Load(Param("size"), GP64()).(GPVirtual)
	s.fetch = Load(Param("fetch"), GP64()).(GPVirtual)
	s.left = Load(Param("left"), GP64()).(GPVirtual)
	s.next, s.offset = GP64(), GP64()
	XORQ(s.next, s.next)
	for range s.blocks {
		s.codes = append(s.codes, GP64())
		s.number = append(s.number, GP64())
	}
	if s.queries == 1 {
		s.tables = append(s.tables, Load(Param("tables"), GP64()).(GPVirtual))
	} else {
		all := Load(Param("tables"), GP64())
		for q := range s.queries {
			t := GP64()
			MOVQ(Mem{Base: all, Disp: 8 * q}, t)
			s.tables = append(s.tables, t)
		}
	}
	for range s.blocks * s.queries {
		s.sums = append(s.sums, [2]VecVirtual{YMM(), YMM()})
	}
}

// pick finds the next block with a live row and clears the masks of the dead ones before it. When
// there is none left the kernel is done, or the first block of the pass is handled alone.
func (s *scan) pick(k int) {
	look, dead, found := fmt.Sprintf("look%d", k), fmt.Sprintf("dead%d", k), fmt.Sprintf("found%d", k)
	none := "done"
	if k > 0 {
		none = "alone"
	}
	Label(look)
	n := Load(Param("n"), GP64())
	CMPQ(s.next, n)
	JGE(LabelRef(none))
	alive := Load(Param("alive"), GP64())
	CMPL(Mem{Base: alive, Index: s.next, Scale: 4}, Imm(0))
	JEQ(LabelRef(dead))
	MOVQ(s.next, s.number[k])
	INCQ(s.next)
	JMP(LabelRef(found))

	Label(dead)
	masks := Load(Param("masks"), GP64())
	stride := s.stride(4)
	for q := range s.queries {
		MOVL(U32(0), Mem{Base: masks, Index: s.next, Scale: 4})
		if q+1 < s.queries {
			ADDQ(stride, masks)
		}
	}
	INCQ(s.next)
	JMP(LabelRef(look))

	Label(found)
	at := GP64()
	LEAQ(Mem{Base: s.size, Disp: 3 * 4 * blockRows}, at)
	IMULQ(s.number[k], at)
	ADDQ(Load(Param("blocks"), GP64()), at)
	MOVQ(at, s.codes[k])
}

// stride returns the distance between the outputs of two queries in bytes.
func (s *scan) stride(unit int) GPVirtual {
	r := GP64()
	if s.queries > 1 {
		Load(Param("stride"), r)
		IMUL3Q(U32(unit), r, r)
	}
	return r
}

// sumColumns adds the table entries of all byte columns, chunk by chunk.
func (s *scan) sumColumns() {
	limit := GP64()
	XORQ(s.offset, s.offset)
	CMPQ(s.size, U32(chunkBytes))
	JLE(LabelRef("chunk" + s.pass))
	zero := YMM()
	VPXOR(zero, zero, zero)
	for i := range s.blocks * s.queries * 4 {
		VMOVDQU(zero, s.frame.Offset(32*i))
	}
	Label("chunk" + s.pass)
	LEAQ(Mem{Base: s.offset, Disp: chunkBytes}, limit)
	CMPQ(limit, s.size)
	CMOVQGT(s.size, limit)
	low := splat(0x0f0f0f0f)
	for _, sum := range s.sums {
		VPXOR(sum[0], sum[0], sum[0])
		VPXOR(sum[1], sum[1], sum[1])
	}
	Label("columns" + s.pass)
	CMPQ(s.left, Imm(0))
	JLE(LabelRef("fetched" + s.pass))
	for line := range s.blocks * loopBytes / 64 {
		PREFETCHT0(Mem{Base: s.fetch, Disp: 64 * line})
	}
	ADDQ(U32(uint32(s.blocks*loopBytes)), s.fetch)
	SUBQ(U32(uint32(s.blocks*loopBytes)), s.left)
	Label("fetched" + s.pass)
	for at := 0; at < loopBytes; at += 2 * blockRows {
		s.twoColumns(at, low)
	}
	ADDQ(U32(loopBytes), s.offset)
	CMPQ(s.offset, limit)
	JLT(LabelRef("columns" + s.pass))
	CMPQ(limit, s.size)
	JEQ(LabelRef("last" + s.pass))
	for i := range s.sums {
		for g, v := range s.widen(i) {
			part := s.frame.Offset(128*i + 32*g)
			VPADDD(part, v, v)
			VMOVDQU(v, part)
		}
	}
	JMP(LabelRef("chunk" + s.pass))
	Label("last" + s.pass)
}

// twoColumns adds two byte columns, four entries a row, to the sums of every block and query.
func (s *scan) twoColumns(at int, low VecVirtual) {
	var nibbles [][4]VecVirtual
	for _, codes := range s.codes {
		nibbles = append(nibbles, s.nibbles(codes, at, low))
	}
	for q, tables := range s.tables {
		var sum [2][]VecVirtual
		for half := range 2 {
			sum[half] = s.lookUp(tables, at+32*half, 2*half, nibbles)
		}
		for b := range s.blocks {
			four := sum[1][b]
			VPADDB(sum[0][b], four, four)
			total, high := s.sums[b*s.queries+q], sum[0][b]
			VPSRLW(Imm(8), four, high)
			VPADDW(four, total[0], total[0])
			VPADDW(high, total[1], total[1])
		}
	}
}

// nibbles returns the low and the high nibbles of two byte columns.
func (s *scan) nibbles(codes GPVirtual, at int, low VecVirtual) (v [4]VecVirtual) {
	for c := range 2 {
		v[2*c] = YMM()
		VMOVDQU(Mem{Base: codes, Index: s.offset, Scale: 1, Disp: at + c*blockRows}, v[2*c])
	}
	for c := range 2 {
		v[2*c+1] = YMM()
		VPSRLW(Imm(4), v[2*c], v[2*c+1])
	}
	for _, x := range []VecVirtual{v[0], v[2], v[1], v[3]} {
		VPAND(low, x, x)
	}
	return v
}

// lookUp returns, for every block, the sums of two entries: those of the tables at the offset, for
// nibbles n and n+1.
func (s *scan) lookUp(tables GPVirtual, at, n int, nibbles [][4]VecVirtual) (sums []VecVirtual) {
	var table [2]VecVirtual
	for i := range table {
		table[i] = YMM()
		VBROADCASTI128(Mem{Base: tables, Index: s.offset, Scale: 1, Disp: at + 16*i}, table[i])
	}
	for b, v := range nibbles {
		first, second := table[0], table[1]
		if b+1 < len(nibbles) {
			first, second = YMM(), YMM()
		}
		VPSHUFB(v[n], table[0], first)
		VPSHUFB(v[n+1], table[1], second)
		VPADDB(first, second, second)
		sums = append(sums, second)
	}
	return sums
}

// widen turns one pair of sums into 32-bit sums of rows 0-7, 8-15, 16-23, 24-31. The whole words
// hold even + 256*odd modulo 65,536, so the even sums appear when the odd ones are taken off.
func (s *scan) widen(i int) [4]VecVirtual {
	even, odd := s.sums[i][0], s.sums[i][1]
	t, lo, hi := YMM(), YMM(), YMM()
	VPSLLW(Imm(8), odd, t)
	VPSUBW(t, even, even)
	VPUNPCKLWD(odd, even, lo) // rows 0-7, 16-23
	VPUNPCKHWD(odd, even, hi) // rows 8-15, 24-31
	var out [4]VecVirtual
	for g, from := range []VecVirtual{lo, hi, lo, hi} {
		half := XMM()
		VEXTRACTI128(Imm(uint64(g/2)), from, half)
		out[g] = YMM()
		VPMOVZXWD(half, out[g])
	}
	return out
}

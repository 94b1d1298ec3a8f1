package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	blockRows = 32
	// chunkBytes is 512 byte columns, 4,096 dimensions. The sums of even and of odd columns are
	// then at most 128 groups of four entries of at most 63 each; both together are at most
	// 64,512 and fit 16 bits.
	chunkBytes = 512 * blockRows
	// loopBytes is the unroll: four byte columns, 32 dimensions.
	loopBytes = 4 * blockRows
)

// scan generates one scan kernel: passes over two blocks of codes for one or four queries. One
// register holds two byte columns of a block; a query's table loads serve both blocks.
type scan struct {
	blocks, queries int
	pass            string // suffix of the labels of the pass being generated

	size   GPVirtual   // bytes of a block's codes
	offset GPVirtual   // byte column being read, times 32; tables advance by the same amount
	codes  []GPVirtual // start of each block
	next   GPVirtual   // next block to look at
	fetch  GPVirtual   // memory to ask for
	left   Mem         // how much of it
	tables []GPVirtual
	sums   [][2]VecVirtual // per block and query: whole words, and their high bytes
	number Mem             // number of each block, 8 bytes each
	frame  Mem             // sums of earlier chunks, 128 bytes per block and query
}

func scanKernel(name string, blocks, queries int) {
	s := &scan{blocks: blocks, queries: queries}
	signature := "func(blocks *byte, size int, alive *uint32, n int, masks *uint32, " +
		"est *float32, tables *byte, params *[6]float32, fetch *byte, left int)"
	if queries > 1 {
		signature = "func(blocks *byte, size int, alive *uint32, n int, masks *uint32, " +
			"est *float32, stride int, tables *[4]*byte, params *[4][6]float32, fetch *byte, left int)"
	}
	TEXT(name, 0, signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s scans n blocks of size code bytes each, %d blocks and %d queries a pass.",
		name, blocks, queries),
		"params are Step, Bias, Add, Err, TabErr, Tau of each query. It asks for the left bytes",
		"from fetch as it goes, as many as it reads, to whole lines.")
	s.number = AllocLocal(8 * blocks)
	s.frame = AllocLocal(blocks * queries * 4 * blockRows)
	s.load()
	Label("pick")
	for k := range blocks {
		s.pick(k)
	}
	s.sumColumns()
	s.finish()
	JMP(LabelRef("pick"))
	Label("alone")
	s.pass, s.blocks, s.codes, s.sums = "Alone", 1, s.codes[:1], s.sums[:queries]
	s.sumColumns()
	s.finish()
	Label("done")
	finish()
}

// load reads the arguments that stay in registers.
func (s *scan) load() {
	s.size, s.fetch, s.left = integer("size"), integer("fetch"), place(Param("left"))
	s.next, s.offset = GP64(), GP64()
	XORQ(s.next, s.next)
	for range s.blocks {
		s.codes = append(s.codes, GP64())
	}
	if s.queries == 1 {
		s.tables = append(s.tables, integer("tables"))
	} else {
		all := integer("tables")
		for q := range s.queries {
			t := GP64()
			MOVQ(Mem{Base: all, Disp: 8 * q}, t)
			s.tables = append(s.tables, t)
		}
	}
	for range s.blocks * s.queries {
		s.sums = append(s.sums, [2]VecVirtual{ZMM(), ZMM()})
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
	CMPQ(s.next, place(Param("n")))
	JGE(LabelRef(none))
	alive := integer("alive")
	CMPL(Mem{Base: alive, Index: s.next, Scale: 4}, Imm(0))
	JEQ(LabelRef(dead))
	MOVQ(s.next, s.number.Offset(8*k))
	INCQ(s.next)
	JMP(LabelRef(found))

	Label(dead)
	masks := integer("masks")
	for q := range s.queries {
		MOVL(U32(0), Mem{Base: masks, Index: s.next, Scale: 4})
		if q+1 < s.queries {
			ADDQ(s.stride(4), masks)
		}
	}
	INCQ(s.next)
	JMP(LabelRef(look))

	Label(found)
	at := GP64()
	LEAQ(Mem{Base: s.size, Disp: 3 * 4 * blockRows}, at)
	IMULQ(s.number.Offset(8*k), at)
	ADDQ(integer("blocks"), at)
	MOVQ(at, s.codes[k])
}

// stride returns the distance between the outputs of two queries in bytes.
func (s *scan) stride(unit int) GPVirtual {
	r := integer("stride")
	IMUL3Q(U32(unit), r, r)
	return r
}

// sumColumns adds the table entries of all byte columns, chunk by chunk.
func (s *scan) sumColumns() {
	limit := GP64()
	XORQ(s.offset, s.offset)
	CMPQ(s.size, U32(chunkBytes))
	JLE(LabelRef("chunk" + s.pass))
	zero := ZMM()
	clear(zero)
	for i := range s.blocks * s.queries * 2 {
		VMOVDQU32(zero, s.frame.Offset(64*i))
	}
	Label("chunk" + s.pass)
	LEAQ(Mem{Base: s.offset, Disp: chunkBytes}, limit)
	CMPQ(limit, s.size)
	CMOVQGT(s.size, limit)
	low := splat(0x0f0f0f0f)
	for _, sum := range s.sums {
		clear(sum[0], sum[1])
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
	s.fourColumns(low)
	ADDQ(U32(loopBytes), s.offset)
	CMPQ(s.offset, limit)
	JLT(LabelRef("columns" + s.pass))
	CMPQ(limit, s.size)
	JEQ(LabelRef("last" + s.pass))
	order := rowOrder()
	for i := range s.sums {
		for g, v := range s.widen(i, order) {
			part := s.frame.Offset(128*i + 64*g)
			VPADDD(part, v, v)
			VMOVDQU32(v, part)
		}
	}
	JMP(LabelRef("chunk" + s.pass))
	Label("last" + s.pass)
}

// fourColumns adds four byte columns, eight entries a row, to the sums of every block and query:
// four entries in each half of a register.
func (s *scan) fourColumns(low VecVirtual) {
	var nibbles [][2][2]VecVirtual
	for _, codes := range s.codes {
		var both [2][2]VecVirtual
		for pair := range both {
			at := Mem{Base: codes, Index: s.offset, Scale: 1, Disp: 64 * pair}
			both[pair] = nibblesOf(at, low)
		}
		nibbles = append(nibbles, both)
	}
	for q, tables := range s.tables {
		four := make([]VecVirtual, s.blocks)
		for pair := range 2 {
			t := tablesOf(Mem{Base: tables, Index: s.offset, Scale: 1, Disp: 64 * pair})
			for half := range t {
				for b := range s.blocks {
					four[b] = addEntries(four[b], t[half], nibbles[b][pair][half], b+1 == s.blocks)
				}
			}
		}
		for b, v := range four {
			total := s.sums[b*s.queries+q]
			VPADDW(v, total[0], total[0])
			VPSRLW(Imm(8), v, v)
			VPADDW(v, total[1], total[1])
		}
	}
}

// nibblesOf returns the low and the high nibbles of two byte columns.
func nibblesOf(at Mem, low VecVirtual) (v [2]VecVirtual) {
	v = [2]VecVirtual{ZMM(), ZMM()}
	VMOVDQU32(at, v[0])
	VPSRLW(Imm(4), v[0], v[1])
	VPANDD(low, v[0], v[0])
	VPANDD(low, v[1], v[1])
	return v
}

// tablesOf returns the tables of two byte columns' low and high nibbles, each twice: a table for
// every 16 rows. One load and two shuffles of whole tables; tables laid out like this in memory
// would be twice as long and drive each other out of the first-level cache.
func tablesOf(at Mem) (v [2]VecVirtual) {
	v = [2]VecVirtual{ZMM(), ZMM()}
	all := ZMM()
	VMOVDQU32(at, all)
	VSHUFI64X2(Imm(0xa0), all, all, v[0]) // 0 0 2 2
	VSHUFI64X2(Imm(0xf5), all, all, v[1]) // 1 1 3 3
	return v
}

// addEntries adds an entry for every row to sum, which is nil at first. The table is overwritten
// after its last use.
func addEntries(sum, table, nibbles VecVirtual, last bool) VecVirtual {
	entries := table
	if !last {
		entries = ZMM()
	}
	VPSHUFB(nibbles, table, entries)
	if sum == nil {
		return entries
	}
	VPADDB(entries, sum, sum)
	return sum
}

// rowOrder is the order of words that puts 16 even and 16 odd rows in the order of the rows.
func rowOrder() VecVirtual {
	return constant("rowOrder", func(i int) uint64 {
		a := uint64(2 * i)
		return a | (16+a)<<16 | (a+1)<<32 | (17+a)<<48
	})
}

// widen turns one pair of sums into 32-bit sums of the rows 0-15 and 16-31. The whole words hold
// even + 256*odd modulo 65,536, so the even sums appear when the odd ones are taken off; the
// halves of a register belong to different columns.
func (s *scan) widen(i int, order VecVirtual) [2]VecVirtual {
	even, odd := s.sums[i][0], s.sums[i][1]
	t, upper := ZMM(), YMM()
	VPSLLW(Imm(8), odd, t)
	VPSUBW(t, even, even)
	VSHUFI64X2(Imm(0x44), odd, even, t)    // lower halves: even rows, odd rows
	VSHUFI64X2(Imm(0xee), odd, even, even) // upper halves
	VPADDW(t, even, even)
	VPERMW(even, order, even)
	out := [2]VecVirtual{ZMM(), ZMM()}
	VEXTRACTI64X4(Imm(1), even, upper)
	VPMOVZXWD(even.AsY(), out[0])
	VPMOVZXWD(upper, out[1])
	return out
}

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	// rowsTurn is how many rows share one load of a query that is alone.
	rowsTurn = 8
	// tileRows and tileQueries are the rows and queries whose sums a tile holds in registers.
	tileRows    = 2
	tileQueries = 4
)

// addProducts adds the 32 products of one register to the sums in acc. The signs of x move to y,
// so that |x| can be the unsigned operand; a pair is at most 2*127*127 = 32,258 and fits 16 bits.
func addProducts(x, size VecVirtual, y Op, ones, acc VecVirtual) {
	t := YMM()
	switch y := y.(type) {
	case Mem:
		VMOVDQU(y, t)
		VPSIGNB(x, t, t)
	default:
		VPSIGNB(x, y, t)
	}
	VPMADDUBSW(t, size, t)
	VPMADDWD(ones, t, t)
	VPADDD(t, acc, acc)
}

func clear(acc ...VecVirtual) {
	for _, a := range acc {
		VPXOR(a, a, a)
	}
}

func registers(n int) (v []VecVirtual) {
	for range n {
		v = append(v, YMM())
	}
	return v
}

// int8Rows8 generates the products of eight rows a turn with one query: the query's registers are
// loaded once for eight rows.
func int8Rows8() {
	kernel("int8Rows8AVX2", "func(out *int32, rows *int8, n, d int, z *int8)",
		"int8Rows8AVX2 multiplies n rows, a multiple of 8 and not 0, of d values with z.")
	out, row, n := integer("out"), integer("rows"), integer("n")
	d := integer("d")
	d3, d5, d7 := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: d, Index: d, Scale: 2}, d3)
	LEAQ(Mem{Base: d, Index: d, Scale: 4}, d5)
	LEAQ(Mem{Base: d3, Index: d, Scale: 4}, d7)
	ones := splat(0x00010001)
	acc := registers(rowsTurn)
	z, end, next := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: row, Index: d, Scale: rowsTurn}, next)
	Label("group")
	Load(Param("z"), z)
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	clear(acc...)
	Label("values")
	// The lines of the next eight rows, in order: 32 bytes of eight rows are four lines.
	for line := range 4 {
		PREFETCHT0(Mem{Base: next, Disp: 64 * line})
	}
	query, size := YMM(), YMM()
	VMOVDQU(Mem{Base: z}, query)
	VPABSB(query, size)
	for r, place := range []Mem{{Base: row}, {Base: row, Index: d, Scale: 1},
		{Base: row, Index: d, Scale: 2}, {Base: row, Index: d3, Scale: 1},
		{Base: row, Index: d, Scale: 4}, {Base: row, Index: d5, Scale: 1},
		{Base: row, Index: d3, Scale: 2}, {Base: row, Index: d7, Scale: 1}} {
		addProducts(query, size, place, ones, acc[r])
	}
	ADDQ(U32(rowsTurn*32), next)
	ADDQ(Imm(32), row)
	ADDQ(Imm(32), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	VMOVDQU(foldEight(acc), Mem{Base: out})
	ADDQ(d7, row)
	ADDQ(Imm(4*rowsTurn), out)
	SUBQ(Imm(rowsTurn), n)
	JG(LabelRef("group"))
	finish()
}

// foldEight returns the sums of the lanes of eight registers, in order.
func foldEight(a []VecVirtual) VecVirtual {
	low, high := foldHalves(a[:4]), foldHalves(a[4:])
	left, right := YMM(), YMM()
	VPERM2I128(Imm(0x20), high, low, left)
	VPERM2I128(Imm(0x31), high, low, right)
	VPADDD(right, left, left)
	return left
}

// foldHalves returns the sums of the lower halves of four registers in its lower half, those of
// the upper halves in its upper one. It overwrites its arguments.
func foldHalves(a []VecVirtual) VecVirtual {
	VPHADDD(a[1], a[0], a[0])
	VPHADDD(a[3], a[2], a[2])
	VPHADDD(a[2], a[0], a[0])
	return a[0]
}

// int8Rows1 generates the product of single rows with one query.
func int8Rows1() {
	kernel("int8Rows1AVX2", "func(out *int32, rows *int8, n, d int, z *int8)",
		"int8Rows1AVX2 multiplies n rows, at least one, of d values with z.")
	out, row, n, d := integer("out"), integer("rows"), integer("n"), integer("d")
	ones := splat(0x00010001)
	acc := registers(2)
	z, end := GP64(), GP64()
	Label("group")
	Load(Param("z"), z)
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	clear(acc...)
	Label("values")
	for i, a := range acc {
		query, size := YMM(), YMM()
		VMOVDQU(Mem{Base: z, Disp: 32 * i}, query)
		VPABSB(query, size)
		addProducts(query, size, Mem{Base: row, Disp: 32 * i}, ones, a)
	}
	ADDQ(Imm(64), row)
	ADDQ(Imm(64), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	VPADDD(acc[1], acc[0], acc[0])
	sum, high := acc[0].AsX(), XMM()
	VEXTRACTI128(Imm(1), acc[0], high)
	VPADDD(high, sum, sum)
	VPHADDD(sum, sum, sum)
	VPHADDD(sum, sum, sum)
	VMOVD(sum, Mem{Base: out})
	ADDQ(Imm(4), out)
	DECQ(n)
	JG(LabelRef("group"))
	finish()
}

// int8Tile generates the products of two rows with four queries.
func int8Tile() {
	kernel("int8TileAVX2", "func(out *int32, op int, rows *int8, n, d int, z *int8)",
		"int8TileAVX2 multiplies n rows, a multiple of 2 and not 0, of d values with four queries,",
		"d apart; the products of a query are op after those of the one before.")
	out, op, row := integer("out"), integer("op"), integer("rows")
	SHLQ(Imm(2), op)
	d, n := integer("d"), integer("n")
	d3 := GP64()
	LEAQ(Mem{Base: d, Index: d, Scale: 2}, d3)
	ones := splat(0x00010001)
	acc := make([][]VecVirtual, tileRows)
	for r := range acc {
		acc[r] = registers(tileQueries)
	}
	z, end := GP64(), GP64()
	Label("group")
	Load(Param("z"), z)
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	for _, a := range acc {
		clear(a...)
	}
	Label("values")
	for at := 0; at < 64; at += 32 {
		var value, size [tileRows]VecVirtual
		for r := range value {
			value[r], size[r] = YMM(), YMM()
			place := Mem{Base: row, Disp: at}
			if r == 1 {
				place.Index, place.Scale = d, 1
			}
			VMOVDQU(place, value[r])
			VPABSB(value[r], size[r])
		}
		for q, place := range []Mem{{Base: z}, {Base: z, Index: d, Scale: 1},
			{Base: z, Index: d, Scale: 2}, {Base: z, Index: d3, Scale: 1}} {
			query := YMM()
			VMOVDQU(place.Offset(at), query)
			for r := range value {
				addProducts(value[r], size[r], query, ones, acc[r][q])
			}
		}
	}
	ADDQ(Imm(64), row)
	ADDQ(Imm(64), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	var inOrder []VecVirtual
	for q := range tileQueries {
		inOrder = append(inOrder, acc[0][q], acc[1][q])
	}
	storePairs(foldEight(inOrder), out, op)
	ADDQ(d, row)
	ADDQ(Imm(4*tileRows), out)
	SUBQ(Imm(tileRows), n)
	JG(LabelRef("group"))
	finish()
}

// storePairs stores, for each of four queries, op bytes apart, the products of two rows.
func storePairs(sums VecVirtual, out, op GPVirtual) {
	at, high := GP64(), XMM()
	VEXTRACTI128(Imm(1), sums, high)
	MOVQ(out, at)
	for i, v := range []Register{sums.AsX(), high} {
		VMOVLPS(v, Mem{Base: at})
		ADDQ(op, at)
		VMOVHPS(v, Mem{Base: at})
		if i == 0 {
			ADDQ(op, at)
		}
	}
}

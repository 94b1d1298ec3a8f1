package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	// rowsTurn is how many rows share one load of a query that is alone.
	rowsTurn = 8
	// tileSide is how many rows, and how many queries, have their sums in registers in a tile.
	tileSide = 4
)

// int8 generates the products of int8 rows and queries, 64 values a step, in one of two ways.
//
// VNNI multiplies unsigned by signed bytes: a row's value gets 128 added by flipping its sign bit,
// and the sums begin at -128 times the sum of the query's values, lane by lane. Modulo 2^32 that is
// exact. Without VNNI the sign of a query's value goes to the row's, so that the query's size can
// be the unsigned operand; a pair is at most 2*127*127 = 32,258 and fits 16 bits.
type int8 struct {
	vnni bool
	flip VecVirtual // 0x80 in every byte, for VNNI
	ones VecVirtual // 1 in every 16-bit word, without
	zero VecVirtual // 0, without
}

// query is 64 values of a query.
type query struct {
	value    VecVirtual // the values, or their sizes
	negative Register   // which are negative, without VNNI
}

func newInt8(vnni bool) *int8 {
	g := &int8{vnni: vnni}
	if vnni {
		g.flip = splat(0x80808080)
	} else {
		g.ones, g.zero = splat(0x00010001), ZMM()
		clear(g.zero)
	}
	return g
}

func (g *int8) name(what string) string {
	if g.vnni {
		return what + "VNNI"
	}
	return what + "AVX512"
}

// begin returns a register for each query with what a sum begins with. z points at the first
// query and moves to end; the others are d apart.
func (g *int8) begin(z []Mem, end Register) []VecVirtual {
	var start []VecVirtual
	for range z {
		s := ZMM()
		clear(s)
		start = append(start, s)
	}
	if !g.vnni {
		return start
	}
	at := z[0].Base
	Label("begin")
	for i, place := range z {
		VPDPBUSD(place, g.flip, start[i])
	}
	ADDQ(Imm(64), at)
	CMPQ(at, end)
	JLT(LabelRef("begin"))
	zero := ZMM()
	clear(zero)
	for _, s := range start {
		VPSUBD(s, zero, s)
	}
	return start
}

func (g *int8) loadQuery(at Mem) (q query) {
	q.value = ZMM()
	VMOVDQU32(at, q.value)
	if !g.vnni {
		q.negative = K()
		VPMOVB2M(q.value, q.negative)
		VPABSB(q.value, q.value)
	}
	return q
}

func (g *int8) loadRow(at Mem) VecVirtual {
	row := ZMM()
	if g.vnni {
		VPXORD(at, g.flip, row)
	} else {
		VMOVDQU32(at, row)
	}
	return row
}

// add adds 64 products to the sums; a row that is not needed again is overwritten.
func (g *int8) add(row VecVirtual, q query, last bool, sums VecVirtual) {
	if g.vnni {
		VPDPBUSD(q.value, row, sums)
		return
	}
	t := row
	if !last {
		t = ZMM()
		VMOVDQA32(row, t)
	}
	VPSUBB(t, g.zero, q.negative, t)
	VPMADDUBSW(t, q.value, t)
	VPMADDWD(g.ones, t, t)
	VPADDD(t, sums, sums)
}

// int8Rows8 generates the products of eight rows a turn with one query.
func int8Rows8(vnni bool) {
	g := &int8{vnni: vnni}
	name := g.name("int8Rows8")
	kernel(name, "func(out *int32, rows *int8, n, d int, z *int8)",
		name+" multiplies n rows, a multiple of 8 and not 0, of d values with z.")
	g = newInt8(vnni)
	out, row, n, d := integer("out"), integer("rows"), integer("n"), integer("d")
	d3, d5, d7 := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: d, Index: d, Scale: 2}, d3)
	LEAQ(Mem{Base: d, Index: d, Scale: 4}, d5)
	LEAQ(Mem{Base: d3, Index: d, Scale: 4}, d7)
	z, end, next := integer("z"), GP64(), GP64()
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	start := g.begin([]Mem{{Base: z}}, end)[0]
	LEAQ(Mem{Base: row, Index: d, Scale: rowsTurn}, next)
	var acc []VecVirtual
	for range rowsTurn {
		acc = append(acc, ZMM())
	}
	Label("group")
	Load(Param("z"), z)
	for _, a := range acc {
		VMOVDQA32(start, a)
	}
	Label("values")
	q := g.loadQuery(Mem{Base: z})
	// The lines of the next eight rows, in order.
	for line := range rowsTurn {
		PREFETCHT0(Mem{Base: next, Disp: 64 * line})
	}
	for r, at := range []Mem{{Base: row}, {Base: row, Index: d, Scale: 1},
		{Base: row, Index: d, Scale: 2}, {Base: row, Index: d3, Scale: 1},
		{Base: row, Index: d, Scale: 4}, {Base: row, Index: d5, Scale: 1},
		{Base: row, Index: d3, Scale: 2}, {Base: row, Index: d7, Scale: 1}} {
		g.add(g.loadRow(at), q, true, acc[r])
	}
	ADDQ(U32(rowsTurn*64), next)
	ADDQ(Imm(64), row)
	ADDQ(Imm(64), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	low, high := foldQuarters(acc[:4]), foldQuarters(acc[4:])
	order := constant("firstOfEight", func(i int) uint64 {
		a := uint64(8 * (i % 4))
		return a | (a+4)<<32
	})
	VPERMT2D(high, order, low)
	VMOVDQU32(low.AsY(), Mem{Base: out})
	ADDQ(d7, row)
	ADDQ(Imm(4*rowsTurn), out)
	SUBQ(Imm(rowsTurn), n)
	JG(LabelRef("group"))
	finish()
}

// foldQuarters returns, in every lane of quarter i, the sum of the lanes of register i of four. It
// overwrites its arguments.
func foldQuarters(a []VecVirtual) VecVirtual {
	halve := func(x, y VecVirtual) VecVirtual {
		low := ZMM()
		VSHUFI32X4(Imm(0x88), y, x, low)
		VSHUFI32X4(Imm(0xdd), y, x, x)
		VPADDD(low, x, x)
		return x
	}
	v := halve(halve(a[0], a[1]), halve(a[2], a[3]))
	for _, order := range []uint64{0x4e, 0xb1} {
		other := ZMM()
		VPSHUFD(Imm(order), v, other)
		VPADDD(other, v, v)
	}
	return v
}

// int8Rows1 generates the product of single rows with one query.
func int8Rows1(vnni bool) {
	g := &int8{vnni: vnni}
	name := g.name("int8Rows1")
	kernel(name, "func(out *int32, rows *int8, n, d int, z *int8)",
		name+" multiplies n rows, at least one, of d values with z.")
	g = newInt8(vnni)
	out, row, n, d := integer("out"), integer("rows"), integer("n"), integer("d")
	z, end, acc := integer("z"), GP64(), ZMM()
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	start := g.begin([]Mem{{Base: z}}, end)[0]
	Label("group")
	Load(Param("z"), z)
	VMOVDQA32(start, acc)
	Label("values")
	g.add(g.loadRow(Mem{Base: row}), g.loadQuery(Mem{Base: z}), true, acc)
	ADDQ(Imm(64), row)
	ADDQ(Imm(64), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	MOVL(foldInts(acc), Mem{Base: out})
	ADDQ(Imm(4), out)
	DECQ(n)
	JG(LabelRef("group"))
	finish()
}

// int8Tile generates the products of four rows with four queries.
func int8Tile(vnni bool) {
	g := &int8{vnni: vnni}
	name := g.name("int8Tile")
	kernel(name, "func(out *int32, op int, rows *int8, n, d int, z *int8)", fmt.Sprintf(
		"%s multiplies n rows, a multiple of %d and not 0, of d values with four", name, tileSide),
		"queries, d apart; the products of a query are op after those of the one before.")
	g = newInt8(vnni)
	out, op, row, n := integer("out"), integer("op"), integer("rows"), integer("n")
	SHLQ(Imm(2), op)
	d, d3 := integer("d"), GP64()
	LEAQ(Mem{Base: d, Index: d, Scale: 2}, d3)
	four := func(base Register) []Mem {
		return []Mem{{Base: base}, {Base: base, Index: d, Scale: 1},
			{Base: base, Index: d, Scale: 2}, {Base: base, Index: d3, Scale: 1}}
	}
	z, end := integer("z"), GP64()
	LEAQ(Mem{Base: z, Index: d, Scale: 1}, end)
	start := g.begin(four(z), end)
	acc := make([][]VecVirtual, tileSide)
	for q := range acc {
		for range tileSide {
			acc[q] = append(acc[q], ZMM())
		}
	}
	Label("group")
	Load(Param("z"), z)
	for q, sums := range acc {
		for _, s := range sums {
			VMOVDQA32(start[q], s)
		}
	}
	Label("values")
	var values []VecVirtual
	for _, at := range four(row) {
		values = append(values, g.loadRow(at))
	}
	for i, at := range four(z) {
		q := g.loadQuery(at)
		for r, v := range values {
			g.add(v, q, i == tileSide-1, acc[i][r])
		}
	}
	ADDQ(Imm(64), row)
	ADDQ(Imm(64), z)
	CMPQ(z, end)
	JLT(LabelRef("values"))
	storeTile(acc, out, op)
	ADDQ(d3, row)
	ADDQ(Imm(4*tileSide), out)
	SUBQ(Imm(tileSide), n)
	JG(LabelRef("group"))
	finish()
}

// storeTile stores, for each of four queries, op bytes apart, the products of four rows.
func storeTile(acc [][]VecVirtual, out, op Register) {
	at := GP64()
	MOVQ(out, at)
	order := constant("firstOfFour", func(i int) uint64 {
		a := uint64(8 * (i % 2))
		return a | (a+4)<<32
	})
	for q, sums := range acc {
		v := foldQuarters(sums)
		VPERMD(v, order, v)
		VMOVDQU32(v.AsX(), Mem{Base: at})
		if q+1 < len(acc) {
			ADDQ(op, at)
		}
	}
}

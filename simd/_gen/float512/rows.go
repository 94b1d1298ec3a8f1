package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// term adds the contribution of a row's and a query's values to acc; the query's values may come
// from memory.
type term func(row VecVirtual, q Op, acc VecVirtual)

// rowKernels writes the three kernels of one measure. All of them sum one row and query in the
// same sixteen lanes and fold them in the same order, so that the bits do not depend on which
// kernel did it.
func rowKernels(measure string, add term) {
	rowKernel(measure+"Rows4AVX512", 4, 1, add)
	rowKernel(measure+"Rows1AVX512", 1, 1, add)
	rowKernel(measure+"TileAVX512", 4, 4, add)
}

// rows is the state of a row kernel while it is written: the registers of its pointers and sums.
// The sums of query i and row r are acc[i][r].
type rows struct {
	rows, queries int
	add           term

	out, outStride              GPVirtual
	row, rowStride, rowTriple   GPVirtual
	query, queryBytes, queryTri GPVirtual
	rowAt, queryAt, left        GPVirtual
	acc                         [][]VecVirtual
}

func rowKernel(name string, count, queries int, add term) {
	signature := "func(out, rows *float32, n, stride, d int, q *float32)"
	what := "one query"
	if queries > 1 {
		signature = "func(out *float32, op int, rows *float32, n, stride, d int, q *float32, qs int)"
		what = "four queries"
	}
	kernel(name, signature, fmt.Sprintf("%s compares n rows, a multiple of %d and not 0, with %s.",
		name, count, what))
	k := &rows{rows: count, queries: queries, add: add}
	k.load()
	n := integer("n")
	Label("group")
	for _, sums := range k.acc {
		clear(sums)
	}
	MOVQ(k.row, k.rowAt)
	MOVQ(k.query, k.queryAt)
	Load(Param("d"), k.left)
	counted("dims", k.left, 16, func() {
		k.step(func(at Mem, v VecVirtual) { VMOVUPS(at, v) })
		advance(64, k.rowAt, k.queryAt)
	})
	TESTQ(k.left, k.left)
	JEQ(LabelRef("fold"))
	// Nothing behind the last dimension is touched; the lanes left over get zeros.
	few := tailMask(k.left)
	k.step(func(at Mem, v VecVirtual) { VMOVUPS_Z(at, few, v) })
	Label("fold")
	k.fold()
	for range count {
		ADDQ(k.rowStride, k.row)
	}
	ADDQ(Imm(uint64(4*count)), k.out)
	SUBQ(Imm(uint64(count)), n)
	JG(LabelRef("group"))
	finish()
}

// load reads the parameters; strides become bytes.
func (k *rows) load() {
	k.out, k.row, k.query = integer("out"), integer("rows"), integer("q")
	k.rowStride = byteStride("stride")
	if k.rows > 1 {
		k.rowTriple = triple(k.rowStride)
	}
	if k.queries > 1 {
		k.outStride, k.queryBytes = byteStride("op"), byteStride("qs")
		k.queryTri = triple(k.queryBytes)
	}
	k.rowAt, k.queryAt, k.left = GP64(), GP64(), GP64()
	for range k.queries {
		k.acc = append(k.acc, registers(k.rows))
	}
}

func byteStride(name string) GPVirtual {
	s := integer(name)
	SHLQ(Imm(2), s)
	return s
}

func triple(s GPVirtual) GPVirtual {
	t := GP64()
	LEAQ(Mem{Base: s, Index: s, Scale: 2}, t)
	return t
}

// strided is the place number i of up to four that lie a stride apart.
func strided(base, stride, triple GPVirtual, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: triple, Scale: 1}
	}
	return Mem{Base: base, Index: stride, Scale: uint8(i)}
}

// step adds sixteen dimensions of every row and query.
func (k *rows) step(read func(at Mem, v VecVirtual)) {
	row := registers(k.rows)
	for r, v := range row {
		read(strided(k.rowAt, k.rowStride, k.rowTriple, r), v)
	}
	for i, sums := range k.acc {
		q := ZMM()
		read(strided(k.queryAt, k.queryBytes, k.queryTri, i), q)
		for r, a := range sums {
			k.add(row[r], q, a)
		}
	}
}

// fold adds the lanes of every sum and stores the results.
func (k *rows) fold() {
	if k.rows == 1 {
		a := k.acc[0][0]
		VMOVSS(foldFour([]VecVirtual{a, a, a, a}), Mem{Base: k.out})
		return
	}
	at := k.queryAt
	MOVQ(k.out, at)
	for i, sums := range k.acc {
		VMOVUPS(foldFour(sums), Mem{Base: at})
		if i+1 < k.queries {
			ADDQ(k.outStride, at)
		}
	}
}

// foldFour returns the sums of the lanes of four registers, in order: quarters 0+1 and 2+3 first,
// then these, and each of the four lanes left like (0+2)+(1+3).
func foldFour(a []VecVirtual) Register {
	quarters := func(x, y VecVirtual) VecVirtual { // two quarters of x, two of y
		low, high := ZMM(), ZMM()
		VSHUFF32X4(Imm(0x88), y, x, low)  // 0 2 of x, 0 2 of y
		VSHUFF32X4(Imm(0xdd), y, x, high) // 1 3 of x, 1 3 of y
		VADDPS(high, low, low)
		return low
	}
	first, second := quarters(a[0], a[1]), quarters(a[2], a[3])
	v := quarters(first, second) // a quarter for each of the four
	low, high := ZMM(), ZMM()
	VPERMILPS(Imm(0x4e), v, high)
	VADDPS(high, v, low)
	VPERMILPS(Imm(0xb1), low, high)
	VADDPS(high, low, low) // the whole sum in every lane of a quarter
	VMOVDQU32(firstLanes(), high)
	VPERMPS(low, high, low)
	return low.AsX()
}

var quarterOrder Mem

// firstLanes returns the order that takes the first lane of every quarter.
func firstLanes() Mem {
	if quarterOrder.Symbol.Name == "" {
		quarterOrder = GLOBL("quarters", RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(i%4*4)))
		}
	}
	return quarterOrder
}

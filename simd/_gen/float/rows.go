package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// term adds the contribution of a row's and a query's values to acc; the query's values may come
// from memory.
type term func(row VecVirtual, q Op, acc VecVirtual)

func dotTerm(row VecVirtual, q Op, acc VecVirtual) {
	VFMADD231PS(q, row, acc)
}

func l2Term(row VecVirtual, q Op, acc VecVirtual) {
	diff := YMM()
	VSUBPS(q, row, diff)
	VFMADD231PS(diff, diff, acc)
}

// emitDotRows writes the dot products of rows and of tiles. All of them sum one row and query in
// the same eight lanes and fold them in the same order, so that the bits do not depend on which
// kernel did it.
func emitDotRows() {
	mask := tailMask("dotMask")
	emitRowKernel("dotRows4AVX2", 4, 1, mask, dotTerm)
	emitRowKernel("dotRows1AVX2", 1, 1, mask, dotTerm)
	emitRowKernel("dotTileAVX2", dotTileRows, 4, mask, dotTerm)
}

// emitL2Rows writes the squared distances, to the same rule.
func emitL2Rows() {
	mask := tailMask("l2Mask")
	emitRowKernel("l2Rows4AVX2", 4, 1, mask, l2Term)
	emitRowKernel("l2Rows1AVX2", 1, 1, mask, l2Term)
	emitRowKernel("l2TileAVX2", l2TileRows, 4, mask, l2Term)
}

// Rows that a tile holds in registers; the differences of l2 need registers of their own.
const (
	dotTileRows = 3
	l2TileRows  = 2
)

// rowKernel is the state of a row kernel while it is written: the registers of its pointers and
// sums. The sums of query i and row r are acc[i][r].
type rowKernel struct {
	rows, queries int
	mask          Mem
	add           term

	out, outStride    GPVirtual
	row, rowStride    GPVirtual
	rowTriple         GPVirtual
	query, queryBytes GPVirtual
	queryTriple       GPVirtual
	rowAt, queryAt    GPVirtual
	left              GPVirtual
	acc               [][]VecVirtual
}

func emitRowKernel(name string, rows, queries int, mask Mem, add term) {
	signature := "func(out, rows *float32, n, stride, d int, q *float32)"
	what := "one query"
	if queries > 1 {
		signature = "func(out *float32, op int, rows *float32, n, stride, d int, q *float32, qs int)"
		what = "four queries"
	}
	kernel(name, signature, name+" compares n rows, a multiple of "+string(rune('0'+rows))+
		" and not 0, with "+what+".")
	k := &rowKernel{rows: rows, queries: queries, mask: mask, add: add}
	k.load()
	n := integer("n")
	Label("group")
	k.start()
	counted("dims", k.left, 8, func() {
		k.step(func(at Mem, v VecVirtual) { VMOVUPS(at, v) })
		advance(32, k.rowAt, k.queryAt)
	})
	TESTQ(k.left, k.left)
	JZ(LabelRef("fold"))
	k.tail()
	Label("fold")
	k.fold()
	k.next()
	SUBQ(Imm(uint64(rows)), n)
	JG(LabelRef("group"))
	finish()
}

// load reads the parameters; strides become bytes.
func (k *rowKernel) load() {
	k.out, k.row, k.query = integer("out"), integer("rows"), integer("q")
	k.rowStride = byteStride("stride")
	if k.rows > 3 {
		k.rowTriple = triple(k.rowStride)
	}
	if k.queries > 1 {
		k.outStride, k.queryBytes = byteStride("op"), byteStride("qs")
		k.queryTriple = triple(k.queryBytes)
	}
	k.rowAt, k.queryAt, k.left = GP64(), GP64(), GP64()
	k.acc = make([][]VecVirtual, k.queries)
	for i := range k.acc {
		k.acc[i] = make([]VecVirtual, k.rows)
		for r := range k.acc[i] {
			k.acc[i][r] = YMM()
		}
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

func (k *rowKernel) rowPlace(r int) Mem {
	return strided(k.rowAt, k.rowStride, k.rowTriple, r)
}

func (k *rowKernel) queryPlace(i int) Mem {
	return strided(k.queryAt, k.queryBytes, k.queryTriple, i)
}

// start clears the sums and goes to the first dimension of a group of rows.
func (k *rowKernel) start() {
	for _, sums := range k.acc {
		for _, a := range sums {
			VXORPS(a, a, a)
		}
	}
	MOVQ(k.row, k.rowAt)
	MOVQ(k.query, k.queryAt)
	Load(Param("d"), k.left)
}

// step adds eight dimensions of every row and query.
func (k *rowKernel) step(read func(at Mem, v VecVirtual)) {
	if k.queries == 1 {
		q := YMM()
		read(k.queryPlace(0), q)
		for r, a := range k.acc[0] {
			k.add(q, k.rowPlace(r), a)
		}
		return
	}
	row := make([]VecVirtual, k.rows)
	for r := range row {
		row[r] = YMM()
		read(k.rowPlace(r), row[r])
	}
	for i, sums := range k.acc {
		q := YMM()
		read(k.queryPlace(i), q)
		for r, a := range sums {
			k.add(row[r], q, a)
		}
	}
}

// tail adds the last one to seven dimensions, read through a mask: nothing behind them is touched,
// and the lanes left over get zeros.
func (k *rowKernel) tail() {
	at := maskAddress(k.mask, k.left)
	masked := func(from Mem, v VecVirtual) {
		VMOVUPS(Mem{Base: at}, v)
		VMASKMOVPS(from, v, v)
	}
	if k.queries > 1 {
		k.step(masked)
		return
	}
	q := YMM()
	masked(k.queryPlace(0), q)
	for r, a := range k.acc[0] {
		row := YMM()
		masked(k.rowPlace(r), row)
		k.add(q, row, a)
	}
}

// fold adds the lanes ((0+1)+(2+3)) + ((4+5)+(6+7)) of every sum and stores the results.
func (k *rowKernel) fold() {
	if k.queries == 1 {
		a := k.acc[0]
		if k.rows == 1 {
			VMOVSS(foldFour(a[0], a[0], a[0], a[0]), Mem{Base: k.out})
			return
		}
		VMOVUPS(foldFour(a[0], a[1], a[2], a[3]), Mem{Base: k.out})
		return
	}
	for r := 0; r < k.rows; r++ {
		sums := foldFour(k.acc[0][r], k.acc[1][r], k.acc[2][r], k.acc[3][r])
		MOVQ(k.out, k.queryAt)
		for i := 0; i < k.queries; i++ {
			VEXTRACTPS(Imm(uint64(i)), sums, Mem{Base: k.queryAt, Disp: 4 * r})
			ADDQ(k.outStride, k.queryAt)
		}
	}
}

// foldFour returns the sums of the lanes of four registers, in order.
func foldFour(a, b, c, d VecVirtual) VecVirtual {
	first, second := YMM(), YMM()
	VHADDPS(b, a, first)
	VHADDPS(d, c, second)
	VHADDPS(second, first, first)
	high := XMM()
	VEXTRACTF128(Imm(1), first, high)
	VADDPS(high, first.AsX(), high)
	return high
}

// next goes to the following group of rows.
func (k *rowKernel) next() {
	for i := 0; i < k.rows; i++ {
		ADDQ(k.rowStride, k.row)
	}
	ADDQ(Imm(uint64(4*k.rows)), k.out)
}

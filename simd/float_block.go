package simd

// blockX and blockY are how many rows a block kernel takes of either side.
const blockX, blockY = 3, 2

// TileRoom is scratch memory of a tile, kept for the next. It is here, not on the stack, because
// arguments of kernels escape.
type TileRoom struct {
	padded []float32
	block
}

// block is what a kernel takes: rows of both sides, and their sums, those with the first row of y
// first.
type block struct {
	sums [blockX * blockY]float64
	x    [blockX]*float32
	y    [blockY]*float32
}

// blockKernel writes the sums of rows of n values, a multiple of 16.
type blockKernel func(b *block, n int)

// Bytes is the memory that the room has.
func (t *TileRoom) Bytes() int64 { return int64(4 * cap(t.padded)) }

// Dot64Tile writes out[j*len(x)+i] = Dot64(x[i], y[j]), the same bits on every tier, in half the
// time where both are many. All rows have as many values as the first of x.
func Dot64Tile(out []float64, x, y [][]float32, room *TileRoom) {
	checkTile("Dot64Tile", out, x, y)
	tile64(out, x, y, room, float.dot64, float.dotBlock)
}

// L2Sq64Tile is Dot64Tile for L2Sq64.
func L2Sq64Tile(out []float64, x, y [][]float32, room *TileRoom) {
	checkTile("L2Sq64Tile", out, x, y)
	tile64(out, x, y, room, float.l2Sq64, float.l2Block)
}

func checkTile(name string, out []float64, x, y [][]float32) {
	if checkRoom(name, len(out), len(x)*len(y)); len(x) == 0 {
		return
	}
	for _, rows := range [][][]float32{x, y} {
		for _, r := range rows {
			checkRoom(name, len(r), len(x[0]))
		}
	}
}

func tile64(
	out []float64, x, y [][]float32, room *TileRoom, one func(x, y []float32) float64,
	kernel blockKernel,
) {
	if len(x) == 0 || len(y) == 0 {
		return
	}
	d := len(x[0])
	if kernel == nil || d == 0 || d > callFloats/blockX || len(y) < blockY {
		for j, b := range y {
			for i, a := range x {
				out[j*len(x)+i] = one(a, b[:d])
			}
		}
		return
	}
	n := (d + lanes - 1) &^ (lanes - 1)
	spare := room.pad(x, d, n)
	for j := 0; j < len(y); j += blockY {
		for v := range room.y {
			r := y[min(j+v, len(y)-1)]
			if room.y[v] = &r[0]; n > d {
				room.y[v] = filled(spare[v*n:(v+1)*n], r[:d])
			}
		}
		for i := 0; i < len(x); i += blockX {
			for u := range room.x {
				at := min(i+u, len(x)-1)
				if room.x[u] = &x[at][0]; n > d {
					room.x[u] = &room.padded[at*n]
				}
			}
			kernel(&room.block, n)
			for v := range min(blockY, len(y)-j) {
				copy(out[(j+v)*len(x)+i:(j+v+1)*len(x)], room.sums[v*blockX:(v+1)*blockX])
			}
		}
	}
	room.x, room.y = [blockX]*float32{}, [blockY]*float32{} // they are the caller's
}

// pad copies the rows of x where they must be filled up to n values, and returns the memory for
// those of y.
func (t *TileRoom) pad(x [][]float32, d, n int) []float32 {
	if n == d {
		return nil
	}
	if cap(t.padded) < (len(x)+blockY)*n {
		t.padded = make([]float32, (len(x)+blockY)*n)
	}
	t.padded = t.padded[:cap(t.padded)]
	for i, r := range x {
		filled(t.padded[i*n:(i+1)*n], r[:d])
	}
	return t.padded[len(x)*n:]
}

// filled copies a row and zeros behind it, which add nothing to a sum.
func filled(to, row []float32) *float32 {
	clear(to[copy(to, row):])
	return &to[0]
}

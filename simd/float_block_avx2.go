//go:build amd64 && !purego

package simd

func dotBlockWithAVX2(b *block, n int) { dotBlockAVX2(&b.sums, &b.x, &b.y, n) }

func l2BlockWithAVX2(b *block, n int) { l2BlockAVX2(&b.sums, &b.x, &b.y, n) }

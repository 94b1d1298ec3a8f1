// Command scan writes simd/scan_amd64.s and its stubs: the AVX2 kernels of the scan group.
//
//	go -C _gen run ./scan -out ../scan_amd64.s -stubs ../scan_stubs_amd64.go -pkg simd
//
// What the kernels compute is specified by their plain Go twins in simd/scan_pure.go.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("amd64,!purego")
	scanKernel("scanAVX2", 2, 1)
	scanKernel("scan4AVX2", 1, 4)
	groupRange()
	fillTables()
	roundInt8()
	dotCode()
	dotCodeFloat()
	nextBelow()
	fetch()
	packFlags()
	Generate()
}

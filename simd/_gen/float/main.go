// Command float writes the AVX2 kernels of the float group of package simd. Each group is one
// assembly file and its Go declarations, written to the parent directory:
//
//	go -C _gen run ./float sums
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// groups are the assembly files by name, each with the function that emits its kernels.
var groups = map[string]func(){
	"sums":   emitSums,
	"plain":  emitPlain,
	"rotate": emitRotate,
	"encode": emitEncode,
	"dot":    emitDotRows,
	"l2":     emitL2Rows,
	"wide":   emitWide,
	"block":  emitBlock,
}

func main() {
	flag.Parse()
	group := flag.Arg(0)
	emit, ok := groups[group]
	if !ok {
		fmt.Fprintf(os.Stderr, "float: no group %q: sums, plain, rotate, encode, dot, l2, wide, block\n",
			group)
		os.Exit(2)
	}
	for name, value := range map[string]string{
		"out":   "../float_" + group + "_amd64.s",
		"stubs": "../float_" + group + "_amd64.go",
		"pkg":   "simd",
	} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "float:", err)
			os.Exit(2)
		}
	}
	ConstraintExpr("amd64,!purego")
	emit()
	Generate()
}

// kernel starts a function that leaf code calls with raw pointers that it does not keep.
func kernel(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(wrap(doc)...)
}

// wrap breaks a text into lines of at most 90 characters.
func wrap(text string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > 90 {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// finish clears the upper halves of the vector registers, as every kernel must, and returns.
func finish() {
	VZEROUPPER()
	RET()
}

// tailMask lays out 16 words of ones and 16 of zeros. A load from word 16-n gives n ones.
func tailMask(name string) Mem {
	mask := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := 0; i < 32; i++ {
		word := U32(0)
		if i < 16 {
			word = U32(0xffffffff)
		}
		DATA(4*i, word)
	}
	return mask
}

// maskAddress returns the register that holds the address of a mask of n ones; n is kept.
func maskAddress(mask Mem, n GPVirtual) GPVirtual {
	at, words := GP64(), GP64()
	LEAQ(mask, at)
	MOVQ(n, words)
	SHLQ(Imm(2), words)
	SUBQ(words, at)
	ADDQ(Imm(64), at)
	return at
}

// parameter returns the place of a parameter in the frame.
func parameter(name string) Mem {
	basic, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return basic.Addr
}

// giveFloat stores the lowest float32 of v as a result. The Store of avo would write the legacy-SSE
// form of the instruction, which is slow between AVX instructions.
func giveFloat(v VecVirtual, result int) { VMOVSS(v, resultPlace(result)) }

// giveDouble stores the lowest float64 of v as a result.
func giveDouble(v VecVirtual, result int) { VMOVSD(v, resultPlace(result)) }

func resultPlace(result int) Mem {
	basic, err := ReturnIndex(result).Resolve()
	if err != nil {
		panic(err)
	}
	return basic.Addr
}

// splat fills a register with a float32 parameter.
func splat(name string) VecVirtual {
	v := YMM()
	VBROADCASTSS(parameter(name), v)
	return v
}

// integer loads an integer or pointer parameter.
func integer(name string) GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}

// counted emits a loop whose body handles step of the n values left; it stops when fewer are left.
func counted(label string, n GPVirtual, step int, body func()) {
	Label(label)
	CMPQ(n, Imm(uint64(step)))
	JL(LabelRef(label + "_done"))
	body()
	SUBQ(Imm(uint64(step)), n)
	JMP(LabelRef(label))
	Label(label + "_done")
}

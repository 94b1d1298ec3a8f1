#!/bin/sh
# Writes to build/light, from the module root, the modules that cabi/build.sh builds with.
# They are those of go.mod but for two files of arrow-go, changed in a copy, so that the library
# keeps to its budget:
# - Its parquet encoders import arrow/compute, 18 MB of kernels, to cast dictionaries that are given
#   to them. Nothing here gives them any: the cast becomes an error
#   (docs/decisions/0018-parquet-in-go.md).
# - Its brotli codec reads and writes. Nothing here writes brotli: without the encoder there are
#   0.5 MB less (docs/decisions/0043-what-the-library-leaves-out.md).
set -eu
cd "$(dirname "$0")/.."
differs() {
	echo "lighten.sh: $1 is not what it was; write the rules anew" >&2
	exit 1
}

# Leaves the reader of brotli.go; what writes panics, as the codecs of arrow-go do.
cut_brotli() {
	sed -e '/^const ($/,/^)$/d' -e '/^var brotliWriterPools/d' \
		-e '/^func newBrotliWriterPools/,/^}$/d' -e '/^func brotliWriterPool(/,/^}$/d' \
		-e '/^func releaseBrotliWriter/,/^}$/d' \
		-e '/^func (b brotliCodec) EncodeLevel/,/^}$/d' -e '/^func (b brotliCodec) Encode(/,/^}$/d' \
		-e '/^func (brotliCodec) NewWriter/,/^}$/d' "$1" >"$1.new"
	cat >>"$1.new" <<'END'

const brotliNotWritten = "parquet: this build reads brotli and does not write it; take zstd"

func (brotliCodec) Encode(_, _ []byte) []byte { panic(brotliNotWritten) }

func (brotliCodec) EncodeLevel(_, _ []byte, _ int) []byte { panic(brotliNotWritten) }

func (brotliCodec) NewWriter(io.Writer) io.WriteCloser { panic(brotliNotWritten) }

func (brotliCodec) NewWriterLevel(io.Writer, int) (io.WriteCloser, error) {
	return nil, errors.New(brotliNotWritten)
}
END
	sed -i 's/^	"bytes"$/&\n	"errors"/' "$1.new"
	[ "$(grep -c '^func' "$1.new")" = 9 ] && [ "$(grep -c '^	"errors"$' "$1.new")" = 1 ] &&
		! grep -qE 'brotli\.(New)?Writer' "$1.new" || differs "$1"
	mv "$1.new" "$1"
}

folder=./build/light # relative: the library's bytes name it
mkdir -p "$folder"
go mod download github.com/apache/arrow-go/v18 # a module not yet here has no Dir
version=$(go list -m -f '{{.Version}}' github.com/apache/arrow-go/v18)
arrow=$(go list -m -f '{{.Dir}}' github.com/apache/arrow-go/v18)
copy=$folder/arrow-go-$version-2 # the number of these rules: another one, another copy
if [ ! -d "$copy" ]; then
	made=$copy.$$
	trap 'rm -rf "$made"' EXIT
	mkdir "$made"
	(cd "$arrow" && find . -name '*.go' ! -name '*_test.go' -o -name '*.[chs]' -o -name go.mod) |
		(cd "$arrow" && tar -cf - -T -) | tar -xf - -C "$made"
	chmod -R u+w "$made"
	file=$made/parquet/internal/encoding/typed_encoder.go
	sed -e '/"github.com\/apache\/arrow-go\/v18\/arrow\/compute"/d' \
		-e 's/compute\.WithAllocator(context\.Background(), enc\.mem)/context.Background()/' \
		-e 's/compute\.CastToType(ctx, values, /notCast(ctx, /' "$file" >"$file.new"
	cat >>"$file.new" <<'END'

func notCast(context.Context, arrow.DataType) (arrow.Array, error) {
	return nil, errors.New("parquet: values of a dictionary are not cast in this build")
}
END
	if [ "$(grep -c 'notCast(' "$file.new")" != 3 ] || grep -q 'compute\.' "$file.new"; then
		differs "$file"
	fi
	mv "$file.new" "$file"
	cut_brotli "$made/parquet/compress/brotli.go"
	mv "$made" "$copy" 2>/dev/null || rm -rf "$made" # another build was first
fi
cp go.sum "$folder/go.sum"
{
	cat go.mod
	echo "replace github.com/apache/arrow-go/v18 => $copy"
} >"$folder/go.mod.$$"
mv "$folder/go.mod.$$" "$folder/go.mod"

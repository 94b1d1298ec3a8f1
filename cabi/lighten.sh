#!/bin/sh
# Writes to build/light, from the module root, the modules that cabi/build.sh builds with.
# They are those of go.mod but for one file of arrow-go, changed in a copy: its parquet encoders
# import arrow/compute, 18 MB of kernels, to cast dictionaries that are given to them. Nothing here
# gives them any: the cast becomes an error, and the library keeps to its budget
# (docs/decisions/0018-parquet-in-go.md).
set -eu
cd "$(dirname "$0")/.."
folder=./build/light # relative: the library's bytes name it
mkdir -p "$folder"
version=$(go list -m -f '{{.Version}}' github.com/apache/arrow-go/v18)
arrow=$(go list -m -f '{{.Dir}}' github.com/apache/arrow-go/v18)
copy=$folder/arrow-go-$version
if [ ! -d "$copy" ]; then
	made=$copy.$$
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
		echo "lighten.sh: $file is not what it was; write the rules anew" >&2
		exit 1
	fi
	mv "$file.new" "$file"
	mv "$made" "$copy" 2>/dev/null || rm -rf "$made" # another build was first
fi
cp go.sum "$folder/go.sum"
{
	cat go.mod
	echo "replace github.com/apache/arrow-go/v18 => $copy"
} >"$folder/go.mod.$$"
mv "$folder/go.mod.$$" "$folder/go.mod"

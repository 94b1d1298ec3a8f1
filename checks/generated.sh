# Generated files are what their generators write today: generate again, compare, put back.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./internal/thirdparty -check
files=(simd/*_amd64.s simd/*_amd64.go cabi/doors.c python/ruvector/_native/structs.py)
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp --parents "${files[@]}" "$before"
bash checks/generate.sh
different=0
for file in "${files[@]}"; do
  cmp -s "$before/$file" "$file" || { different=1; diff "$before/$file" "$file" | head -5; }
  cp "$before/$file" "$file"
done
[ $different = 0 ] || { echo "generated files differ from their generators: run make gen"; exit 1; }

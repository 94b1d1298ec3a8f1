# Generated files are what their generators write today: generate again, compare, put back.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./internal/thirdparty -check
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp simd/*_amd64.s simd/*_amd64.go "$before"
bash checks/generate.sh
different=0
for file in "$before"/*; do
  now=simd/$(basename "$file")
  cmp -s "$file" "$now" || { different=1; diff "$file" "$now" | head -5; }
  cp "$file" "$now"
done
[ $different = 0 ] || { echo "generated assembly differs from simd/_gen: run make gen"; exit 1; }

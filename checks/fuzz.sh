# Every fuzz target for a fixed number of inputs: bash checks/fuzz.sh [COUNT]
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-20000}
targets=$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' simd arrowidx cabi | wc -l)
[ "$targets" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
for folder in $(grep -rl --include='*_test.go' '^func Fuzz' simd arrowidx cabi | xargs -n1 dirname |
    sort -u); do
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$folder"/*_test.go | sed 's/func //' | sort); do
    echo "$folder $target: $count inputs"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${count}x" -fuzzminimizetime 10ms "./$folder" |
      tail -n 3
  done
done

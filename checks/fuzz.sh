# Every fuzz target for a fixed number of inputs: bash checks/fuzz.sh [COUNT]
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-20000}
folders='simd fault text arrowidx agentclient internal/mem lake cabi'
# shellcheck disable=SC2086
files=$(grep -rl --include='*_test.go' '^func Fuzz' $folders || true)
[ -n "$files" ] || { echo "no fuzz target found"; exit 1; }
for folder in $(echo "$files" | xargs -n1 dirname | sort -u); do
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$folder"/*_test.go); do
    echo "$folder $target: $count inputs"
    if said=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "${count}x" -fuzzminimizetime 10ms \
      "./$folder" 2>&1); then
      tail -n 3 <<<"$said"
    else
      tail -n 40 <<<"$said"
      for input in "$folder/testdata/fuzz/$target"/*; do cat "$input"; done
      exit 1
    fi
  done
done
echo "lake/parquet: ${damages:=200000} damaged files"
go test -count=1 -timeout 10m ./lake/parquet -run DamagedFilesEndWell -damages "$damages"
# What agents say: many more inputs, of the ways of attackers that are known; a tenth of them for
# what only callers and their own files say.
echo "agentclient: ${mutations:=1000000} changed inputs a target"
agents=$(grep -rl --include='*_test.go' 'agenttest\.Mutations(' agentclient |
  xargs -n1 dirname | sort -u)
peers='^TestMutated(Cards|Envelopes|Streams|Dialects|Updates)$'
mutate() {
  # shellcheck disable=SC2046
  go test -count=1 -timeout 20m "${@:2}" $(printf './%s ' $agents) -mutations "$1"
}
found=$(go test -list "$peers" $(printf './%s ' $agents) | grep -c '^Test' || true)
[ "$found" -eq 5 ] || { echo "$found targets match $peers"; exit 1; }
mutate "$mutations" -run "$peers"
mutate $((mutations / 10)) -run '^TestMutated' -skip "$peers"

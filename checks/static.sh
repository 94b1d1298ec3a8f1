# Formatting, vet, staticcheck, ruff; mypy --strict and pyright, of the package and of programs of
# users (python/tests/programs). All run; the first failure is not the last thing said.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
tags=cshared,mallocator,arrow_json_stdlib
failed=0

try() {
  "$@" || { echo "^^ ${*/#$bin\//}"; failed=1; }
}

gofmt_clean() {
  local files
  files=$(gofmt -l simd fault text arrowidx agentclient lake cabi internal benchmarks)
  [ -z "$files" ] || { echo "not formatted: $files"; return 1; }
}

typed() {
  (cd python && "$bin/$1" "${@:2}" ruvector ruvector_cli)
}

mkdir -p build/bin
try gofmt_clean
try go vet ./...
try go vet -tags "$tags" ./cabi/...
if go -C checks/tools build -o "$PWD/build/bin/" tool; then
  try build/bin/staticcheck ./...
  try build/bin/staticcheck -tags "$tags" ./cabi/...
else
  echo "staticcheck could not be built"; failed=1
fi
try "$bin/ruff" check --quiet .
try "$bin/ruff" format --check --quiet .
try typed mypy --strict tests/programs
try typed pyright --pythonpath "$bin/python"
try "$bin/pyright" -p python/tests/programs --pythonpath "$bin/python"
exit $failed

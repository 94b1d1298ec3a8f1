# Formatting, vet, staticcheck, ruff, mypy --strict, pyright. Stops at the first that complains.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
tags=cshared,mallocator

badly_formatted=$(gofmt -l simd arrowidx cabi internal)
[ -z "$badly_formatted" ] || { echo "not gofmt'ed: $badly_formatted"; exit 1; }
go vet ./...
go vet -tags "$tags" ./cabi/...
mkdir -p build/bin
go -C checks/tools build -o "$PWD/build/bin/" tool
build/bin/staticcheck ./...
build/bin/staticcheck -tags "$tags" ./cabi/...
$bin/ruff check .
$bin/ruff format --check --quiet . || { echo "not formatted: run make fmt"; exit 1; }
(cd python && ../$bin/mypy --strict ruvector)
(cd python && ../$bin/pyright --pythonpath ../$bin/python ruvector)

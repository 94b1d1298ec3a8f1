# The build without assembly gives the same answers: all tests again with the tag `purego`.
set -euo pipefail
cd "$(dirname "$0")/.."
CGO_ENABLED=0 go test -tags purego ./simd ./arrowidx/...

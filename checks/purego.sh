# The build without assembly gives the same answers: the tests again with the tag `purego`; -short
# leaves the long statistics out, which run on the machine's own kernels.
set -euo pipefail
cd "$(dirname "$0")/.."
CGO_ENABLED=0 go test -short -tags purego ./simd ./arrowidx/...

# The race detector over what runs in parallel; -short leaves the long statistics out.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -race -short -timeout 15m ./arrowidx/... ./cabi/internal/...

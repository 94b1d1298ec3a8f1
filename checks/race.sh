# The race detector over what runs in parallel: builds, searches, cancelling, handles and tasks.
# The rest of arrowidx is arithmetic on one goroutine and would take minutes here.
set -euo pipefail
cd "$(dirname "$0")/.."
parallel='Cancel|Readers|Thread|SameInput|Embed|SavedOne|Hash|Concurrent|Parallel|Batch|AtOnce'
listed=$(go test -list "$parallel" ./arrowidx | grep -c '^Test' || true)
[ "$listed" -ge 5 ] || { echo "only $listed tests of arrowidx match $parallel"; exit 1; }
go test -race -short -timeout 10m -run "$parallel" ./arrowidx
go test -race -short -timeout 10m ./cabi/internal/...

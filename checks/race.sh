# The race detector over what runs in parallel: builds, searches, cancelling, handles and tasks.
# The rest of the engine is arithmetic on one goroutine and would take minutes here.
set -euo pipefail
cd "$(dirname "$0")/.."
parallel='Cancel|Readers|Thread|SameInput|Embed|SavedOne|Hash|Concurrent|Parallel|Batch|AtOnce'
alone='ADescentCanBeCancelled|BytesOfCells' # one goroutine, or the bits of what others build
packages=(./arrowidx/... ./text ./internal/mem)
listed=$(go test -list "$parallel" "${packages[@]}" | grep -c '^Test' || true)
[ "$listed" -ge 40 ] || { echo "only $listed tests match $parallel"; exit 1; }
go test -race -short -timeout 10m -run "$parallel" -skip "$alone" "${packages[@]}"
go test -race -short -timeout 10m ./cabi/internal/...
# Stores: pulls beside changes, on all of them.
go test -race -short -timeout 10m -run 'Conform|Mix|PlainList' ./lake/store
# Clients of agents: streams, budgets, cards that are refreshed, a hundred streams at once.
go test -race -short -timeout 10m ./agentclient/...
# Lakes: caches, single flights, federated searches, sessions, folders; not what builds many cells.
go test -race -short -timeout 10m -skip WarmIsReady ./lake ./lake/cache ./lake/bundle

# What a lake promises of folders, in the numbers that it promises: a publisher is killed 50 times
# while others read, and a warm index of cells is ready in a fifth of the time of building it.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -count=1 -timeout 10m ./lake -run 'AKilledPublisher|WarmIsReady' -kills "${KILLS:-50}" \
  -timed -v

# Every verb after all sequences of three changes of an index, and some of four, for all kinds,
# metrics and ways to keep vectors: make test makes those of two.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -count=1 -timeout 20m ./arrowidx -run EveryVerbAnswersAfterEveryShort -changes 3

# What takes long and make test leaves out: tests of Go as a whole, those of Python marked long.
set -euo pipefail
cd "$(dirname "$0")/.."
long='AGraph|EveryKindConforms|AnswersEqualBruteForce|AnyOrderOfChanges|AfterManyRowsWereAdded'
long+='|RecallIsKeptUnderFilters|HonestVectors|BytesOfCellsAreFrozen|EstimatorIsUnbiased'
long+='|ACutFileIsAnError|BitOfAMappedFile|EveryMappedKind|RowsThatAreNotInMemory'
long+='|EveryGroupGetsItsNearest|ARangeIsWhatBruteForceFinds|ADescentCanBeCancelled'
go test -count=1 -timeout 20m ./arrowidx ./arrowidx/internal/search -run "$long" -whole
PYTHONPATH=$PWD/python timeout 600 .venv/bin/python -m pytest -q -n 2 --dist worksteal \
  -m long python/tests

# The build without assembly gives the same answers: the tests again with the tag `purego`; -short
# leaves the long statistics out, which run on the machine's own kernels, and so does the list: what
# is measured there does not depend on kernels, whose bits other tests compare. Every verb after
# short sequences of changes is left out for the same reason: the check `sequences` makes them all.
set -euo pipefail
cd "$(dirname "$0")/.."
measured='RecallsDoNotFall|RecallMeets|RecallTargets|RoutingFinds|NoRowIsNearer|EveryEdgeOfCells'
measured+='|HonestVectors|HigherTargets|SameAlone|BytesOfCells|Cancel|Kmeans|Lloyd|BoundsHold'
measured+='|EstimatorIsUnbiased|SmallProblems|EveryKindConforms/ivf_of_1'
measured+='|EveryVerbAnswersAfterEveryShortSequence|AGraphMeetsItsTarget|GroupsAreJoinedOverShards'
measured+='|NoHealthyRowIsTaken|ClosingDuring|RecallIsKept|SmallestBudget|GenerousBudget'
measured+='|IndexesThatComeAndGo'
# Where rows lie, in files or memory, built or added, is no matter of kernels either.
measured+='|RowsThatAreNotInMemory|AfterManyRowsWereAdded|EveryMappedKind|DedupComparesRows'
CGO_ENABLED=0 go test -short -timeout 20m -tags purego -skip "$measured" \
  ./simd ./fault ./text ./internal/mem ./arrowidx/...

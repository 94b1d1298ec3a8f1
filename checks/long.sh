# What takes long and make test leaves out: graphs of every kind and metric, tests marked long.
set -euo pipefail
cd "$(dirname "$0")/.."
go test -count=1 -timeout 10m ./arrowidx -run AGraphMeetsItsTarget -whole
PYTHONPATH=$PWD/python timeout 600 .venv/bin/python -m pytest -q -n 2 --dist worksteal \
  -m long python/tests

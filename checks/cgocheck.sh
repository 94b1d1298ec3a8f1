# The library built with the runtime's full check of pointers that pass between Go and C, under the
# Python tests of the boundary.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf build/cgocheck && mkdir -p build/cgocheck
cp -r python/ruvector build/cgocheck/ruvector
GOEXPERIMENT=cgocheck2 sh cabi/build.sh build/cgocheck/ruvector/_lib/libruvector.so
PYTHONPATH=build/cgocheck .venv/bin/python -m pytest -q -p no:cacheprovider \
  -n 2 --dist worksteal -m "not long" python/tests \
  -k "boundary or native or arrow or index or search"

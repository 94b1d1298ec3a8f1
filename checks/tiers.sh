# The kernels that this CPU should choose are the ones in force, plain Go can be chosen instead, and
# another architecture compiles. checks/emulated.sh runs a CPU without AVX, checks/purego.sh the
# build without assembly.
set -euo pipefail
cd "$(dirname "$0")/.."

if grep -qw avx2 /proc/cpuinfo; then
  RUVECTOR_REQUIRE=avx2 go test -count=1 ./simd
else
  echo "############################################################"
  echo "# NOT CHECKED: this CPU has no AVX2, its kernels did not run"
  echo "############################################################"
fi

listed=$(go test -list 'Scan|Rotate|Dot' ./simd | grep -c '^Test' || true)
[ "$listed" -ge 8 ] || { echo "only $listed tests of simd match"; exit 1; }
RUVECTOR_SIMD=pure RUVECTOR_REQUIRE=pure \
  go test -count=1 -short -run 'Scan|Rotate|Dot|RequiredTier' ./simd

export GOARCH=arm64 CGO_ENABLED=0
go build ./...
go vet ./simd ./arrowidx
echo "arm64 compiles, tests included"

# The kernels that this CPU should choose are the ones in force, plain Go can be chosen instead, and
# another architecture compiles. checks/emulated.sh runs a CPU without AVX, checks/purego.sh the
# build without assembly.
set -euo pipefail
cd "$(dirname "$0")/.."

has() {
  local flag
  for flag in "$@"; do
    grep -qw "$flag" /proc/cpuinfo || return 1
  done
}

not_checked() {
  echo "############################################################"
  echo "# NOT CHECKED: this CPU has no $1, its kernels did not run"
  echo "# $2"
  echo "############################################################"
}

best=
has avx avx2 fma f16c && best=avx2
[ -n "$best" ] && has avx512f avx512bw avx512vl avx512dq bmi2 popcnt && best=avx512
if [ -n "$best" ]; then
  RUVECTOR_REQUIRE=$best go test -count=1 ./simd
else
  not_checked AVX2 "they need a machine that has it"
fi
[ "$best" = avx512 ] || not_checked AVX-512 "bash checks/run avx512 runs them on an emulated CPU"

listed=$(go test -list 'Scan|Rotate|Dot' ./simd | grep -c '^Test' || true)
[ "$listed" -ge 8 ] || { echo "only $listed tests of simd match"; exit 1; }
RUVECTOR_SIMD=pure RUVECTOR_REQUIRE=pure \
  go test -count=1 -short -run 'Scan|Rotate|Dot|RequiredTier' ./simd

export GOARCH=arm64 CGO_ENABLED=0
go build ./...
go vet ./simd ./text ./arrowidx/...
echo "arm64 compiles, tests included"

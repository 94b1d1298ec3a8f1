# CPUs that this machine may not be, by user-mode emulation:
#   Nehalem  no AVX at all: the pure Go kernels must be chosen, nothing may crash;
#   Haswell  AVX2: the assembly must be chosen and agree with its twins.
# Emulation shows correctness, never speed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-x86_64 >/dev/null; then
  echo "installing qemu-user"
  if ! { apt-get update -qq && apt-get install -y -qq qemu-user; } >/dev/null 2>&1; then
    echo "EMULATED CPUS NOT CHECKED: qemu-x86_64 is missing and apt-get could not install qemu-user"
    exit 1
  fi
fi
mkdir -p build
CGO_ENABLED=0 go test -c -o build/simd.test ./simd
cd simd
for cpu in Nehalem:pure Haswell:avx2; do
  echo "-cpu ${cpu%:*}, required tier ${cpu#*:}"
  RUVECTOR_REQUIRE=${cpu#*:} qemu-x86_64 -cpu "${cpu%:*}" ../build/simd.test -test.short
done

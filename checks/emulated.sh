# A CPU without AVX, by user-mode emulation (Nehalem): the pure Go kernels must be chosen, nothing
# may crash, and Python must build the same index bytes as on the CPU of this machine.
# Emulation shows correctness, never speed. AVX2 runs on the machine itself: QEMU's masked loads
# fault on lanes that are switched off, which no CPU does.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-x86_64 >/dev/null; then
  echo "installing qemu-user"
  if ! { apt-get update -qq && apt-get install -y -qq qemu-user; } >/dev/null 2>&1; then
    echo "EMULATED CPU NOT CHECKED: qemu-x86_64 is missing and apt-get could not install qemu-user"
    exit 1
  fi
fi
# An OpenBLAS kernel that the environment names would be taken whatever the CPU is.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
nehalem=(qemu-x86_64 -cpu Nehalem)
mkdir -p build
CGO_ENABLED=0 go test -c -o build/simd.test ./simd
(cd simd && RUVECTOR_REQUIRE=pure "${nehalem[@]}" ../build/simd.test -test.short)

native=$(PYTHONPATH=python .venv/bin/python checks/fingerprint.py)
emulated=$(PYTHONPATH=python "${nehalem[@]}" .venv/bin/python checks/fingerprint.py)
echo "native:   $native"
echo "emulated: $emulated"
[ "${native#* }" = "${emulated#* }" ] || { echo "index bytes or answers differ"; exit 1; }
[ "${emulated%% *}" = pure ] || { echo "the emulated CPU did not run plain Go"; exit 1; }

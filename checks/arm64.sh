# arm64 by user-mode emulation: the instructions written as numbers are what another assembler
# makes, the NEON kernels are in force and give the bits of plain Go, and an index has the bytes it
# has everywhere. Emulation shows correctness, never speed.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
command -v aarch64-linux-gnu-as >/dev/null || missing+=(binutils-aarch64-linux-gnu)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  if ! { apt-get update -qq && apt-get install -y -qq "${missing[@]}"; } >/dev/null 2>&1; then
    echo "ARM64 NOT CHECKED: apt-get could not install ${missing[*]}"
    exit 1
  fi
fi
.venv/bin/python checks/arm64_words.py

export GOARCH=arm64 CGO_ENABLED=0
go vet ./simd
mkdir -p build
for package in simd arrowidx; do
  go test -c -o "build/$package.arm64.test" "./$package"
done

# emulated PACKAGE PATTERN: runs the tests that match where their files are, and says so when the
# pattern finds fewer than three.
emulated() {
  local found
  found=$(cd "$1" && qemu-aarch64-static "../build/$1.arm64.test" -test.list "$2" | wc -l)
  [ "$found" -ge 3 ] || { echo "$1: only $found tests match $2"; exit 1; }
  (cd "$1" && RUVECTOR_REQUIRE=neon qemu-aarch64-static "../build/$1.arm64.test" -test.short \
    -test.run "$2" -test.skip DenseOrthonormal)
  echo "$1: $found tests on the emulated CPU"
}
emulated simd .
emulated arrowidx 'Frozen|EqualOnEveryTier'

# Writes what is generated again, in place: the doors and prototypes of cabi/ruvector.h, and the
# assembly, whose generators are a module of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./cabi/internal/doors
cd simd/_gen
go run ./scan -out ../scan_amd64.s -stubs ../scan_stubs_amd64.go -pkg simd
go run ./route -out ../route_amd64.s -stubs ../route_stubs_amd64.go -pkg simd
go run ./scan512
go run ./popcount512
go run ./float512
mkdir -p ../../build/bin
go build -o ../../build/bin/float ./float
for file in ../float_*_amd64.s; do
  group=${file#../float_}
  ../../build/bin/float "${group%_amd64.s}"
done

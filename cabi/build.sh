#!/bin/sh
# Builds the shared library: sh cabi/build.sh OUTPUT
# The same sources at the same path give the same bytes.
set -eu
out=${1:?usage: sh cabi/build.sh OUTPUT}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/python/ruvector/_version.py")
# What the Go runtime asks the system for goes through reserve.c.
wrap=--wrap=mmap,--wrap=pthread_create,--wrap=malloc
# What waits for networks, or is asked once a file or a column, is smaller without inlining and no
# slower (docs/decisions/0043-what-the-library-leaves-out.md).
own=github.com/ruvector/ruvector-arrow
ours=$own/agentclient
arrow=github.com/apache/arrow-go/v18
cold=
for package in net net/http crypto/tls crypto/x509 github.com/go-jose/... golang.org/x/oauth2/... \
	$ours $ours/artifact $ours/internal/bounds $ours/internal/card $ours/internal/web \
	$ours/internal/wire $arrow/arrow/cdata $arrow/parquet/internal/encryption \
	$arrow/parquet/internal/gen-go/parquet $arrow/parquet/schema github.com/apache/thrift/... \
	crypto/ecdh crypto/internal/hpke encoding/asn1 encoding/pem log mime mime/multipart \
	vendor/golang.org/x/crypto/... $arrow/arrow/ipc $arrow/arrow/internal/flatbuf \
	net/http/httptrace net/textproto net/url net/netip net/http/internal/... \
	vendor/golang.org/x/net/... vendor/golang.org/x/text/... golang.org/x/text/... \
	$own/lake $own/lake/backend $own/lake/foreign \
	fmt os bufio crypto/internal/fips140/rsa crypto/internal/fips140/tls12 \
	crypto/internal/fips140/tls13 crypto/rsa crypto/ecdsa crypto/ed25519 math/big \
	$own/lake/bundle $own/lake/store $own/arrowidx/internal/format \
	$own/arrowidx/internal/compact; do
	cold="$cold -gcflags=$package=-l"
done
cd "$root"
sh cabi/lighten.sh
CGO_ENABLED=1 go build -buildmode=c-shared -trimpath -buildvcs=false \
	-modfile build/light/go.mod \
	-tags "cshared,mallocator,arrow_json_stdlib${RUVECTOR_TAGS:+,$RUVECTOR_TAGS}" \
	$cold -ldflags "-s -w -buildid= -X main.version=$version \
	-extldflags=-Wl,--version-script=$root/cabi/symbols.map,$wrap" \
	-o "$out" ./cabi
rm -f "${out%.so}.h"

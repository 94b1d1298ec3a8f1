# Known vulnerabilities of what is linked in and of what the lock file names. Where a database
# cannot be reached the check says so, loudly, and passes: it has found nothing, in both senses.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/bin
go -C checks/tools build -o "$PWD/build/bin/" tool || exit 1
failed=0

unreachable() {
  echo "############################################################"
  echo "# NOT CHECKED: the database of $1 cannot be reached"
  echo "############################################################"
}

said=$(timeout 300 build/bin/govulncheck -tags cshared,mallocator,arrow_json_stdlib ./... 2>&1)
code=$?
if echo "$said" | grep -q 'fetching vulnerabilities'; then
  unreachable govulncheck
elif [ $code -ne 0 ]; then
  echo "$said"; failed=1
else
  echo "govulncheck: nothing known"
fi

said=$(timeout 300 .venv/bin/pip-audit --disable-pip --no-deps --progress-spinner off \
  -r python/requirements-dev.txt -r python/requirements-lake.txt \
  -r python/requirements-text.txt 2>&1)
code=$?
if echo "$said" | grep -qE 'could not be audited|ConnectionError|ServiceError|Max retries'; then
  unreachable pip-audit
  echo "$said" | grep -c 'could not be audited' | sed 's/$/ packages were not audited/'
elif [ $code -ne 0 ]; then
  echo "$said"; failed=1
else
  echo "pip-audit: nothing known"
fi
exit $failed

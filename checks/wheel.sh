# The finished wheel in an empty environment: installs in time, works without the repository, and
# says a sentence where another distribution owns the same import name.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$(ls "$PWD"/dist/*.whl)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A first install fills pip's cache, the second is timed; the lock's versions, so that both agree.
grep -oE '^(numpy|narwhals)==[^ ]+' python/requirements-dev.txt >"$scratch/constraints.txt"
for round in cold warm; do
  python=$scratch/$round/bin/python
  .venv/bin/python -m venv "$scratch/$round"
  begin=$(date +%s.%N)
  "$python" -m pip install --quiet -c "$scratch/constraints.txt" "$wheel"
  spent=$(echo "$(date +%s.%N) $begin" | awk '{ printf "%.1f", $1 - $2 }')
done
echo "installed into an empty environment with a warm cache in $spent s of 10.0"
awk -v s="$spent" 'BEGIN { exit s > 10.0 }' || { echo "EXCEEDED"; exit 1; }

cd "$scratch"
"$python" - <<'PYTHON'
import sys
import numpy as np
import ruvector as rv
rows = np.eye(64, dtype=np.float32)
index = rv.Index.build(rows)
assert index.search(rows[3], 1).ids.tolist() == [3]
index.save("eye.rvx", vectors=True)
assert rv.Index.load("eye.rvx").search(rows[5], 1).ids.tolist() == [5]
for name in ("pandas", "polars", "pyarrow", "narwhals"):
    assert name not in sys.modules, f"{name} was imported"
print("works:", rv.__version__, rv.cpu_features()["tier"])
PYTHON

"$scratch/warm/bin/ruvector" verify eye.rvx
"$scratch/warm/bin/ruvector" search eye.rvx --k 1 --json \
  --vector "$("$python" -c 'print([0.0] * 9 + [1.0] + [0.0] * 54)')" | grep -q '"id": 9' ||
  { echo "the command of the wheel does not search"; exit 1; }

if ! "$python" -m pip install --quiet --no-deps "ruvector==0.1.4" 2>"$scratch/other.log"; then
  echo "NOT CHECKED: the other distribution of the name could not be installed"
  exit 0
fi
"$python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
if said=$("$python" -c 'import ruvector' 2>&1); then
  echo "import beside the other distribution did not complain"; exit 1
fi
said=$(echo "$said" | tail -n 1)
case $said in
  ImportError*ruvector-arrow*) echo "beside the other distribution: $said" ;;
  *) echo "not the sentence that was promised: $said"; exit 1 ;;
esac
if said=$("$scratch/warm/bin/ruvector" info eye.rvx 2>&1); then
  echo "the command beside the other distribution did not complain"; exit 1
fi
case $said in
  *"pip uninstall -y ruvector ruvector-arrow"*) ;;
  *) echo "not the block that was promised: $said"; exit 1 ;;
esac

#!/usr/bin/env bash
# Rewrites constraints.txt from the environment the requirements resolve to. Run after raising a pin.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="$(mktemp -d)"
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
: > constraints.txt
"$venv/bin/pip" install --quiet --upgrade pip
"$venv/bin/pip" install --quiet -r requirements-dev.txt
grep -v '# nodeps' requirements-model.txt > "$venv/model.txt"
"$venv/bin/pip" install --quiet -r "$venv/model.txt" -c constraints.txt
{
  echo "# Everything the requirements bring along, pinned. Rewrite with scripts/pin.sh."
  "$venv/bin/pip" freeze | sort -f
} > constraints.txt

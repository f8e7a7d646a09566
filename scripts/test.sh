#!/usr/bin/env bash
# The gate: format, lint, types, import contracts, Django's checks, migrations, API schema, tests.
# Arguments go to pytest; without any, coverage is measured and its floor holds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/install.sh

make_venv
install_once dev requirements-dev.txt
install_model

export WHOOSH_VAR="${WHOOSH_VAR:-$(mktemp -d)}"
unset DATABASE_URL REDIS_URL WHOOSH_PROCESS
bin=.venv/bin

step() { printf '\n== %s\n' "$*"; }

answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

find_browser() {
  # The browser tests drive the system's Chromium; as root on Debian it is installed here.
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then command -v "$name"; return; fi
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get update -qq > /dev/null && apt-get install -y -qq chromium > /dev/null && command -v chromium
  fi
}

step format and lint
$bin/ruff format --check --quiet .
$bin/ruff check --quiet .
step types
$bin/mypy
step import contracts
$bin/lint-imports --no-cache | sed -n '/^Contracts/,$p'
step Django checks, migrations, API schema
$bin/python manage.py check --fail-level WARNING
$bin/python manage.py makemigrations --check --dry-run
$bin/python manage.py spectacular --fail-on-warn --validate --file "$WHOOSH_VAR/schema.yml"

WHOOSH_BROWSER="$(find_browser || true)"
export WHOOSH_BROWSER
[ -n "$WHOOSH_BROWSER" ] || echo "skip: no Chromium here, the browser tests do not run"

# What starts processes of its own runs alone: it measures how long they take to come back.
alone="browser or process or chaos or real_model or soak"

all_tests() {
  # all_tests RUN WHICH [ARGUMENTS]: the rest on all cores, then those alone that WHICH selects.
  local run="$1" which="$2"
  shift 2
  $run -m pytest -n auto -m "not ($alone)" "$@"
  $run -m pytest -m "$which" "$@"
}

step tests on SQLite
started=$SECONDS
if [ $# -gt 0 ]; then
  $bin/python -m pytest "$@"
else
  $bin/coverage erase
  all_tests "$bin/coverage run" "($alone) and not soak"
fi
sqlite=$((SECONDS - started))

if answers 5432 && answers 6379; then
  step tests on PostgreSQL and Redis
  started=$SECONDS
  export DATABASE_URL="postgres://postgres@127.0.0.1:5432/whoosh_gate" REDIS_URL="redis://127.0.0.1:6379/9"
  if [ $# -gt 0 ]; then
    $bin/python -m pytest -m "not browser and not real_model" "$@" || [ $? = 5 ]
  else
    # Coverage, a third of the time, is known by now; so is what knows no database: documents and
    # house rules, the fake host, and how workflows are read and run.
    pure=(--ignore-glob "tests/test_*.py")
    for part in engine n8n nodes scripts; do pure+=(--ignore "workflows/tests/$part"); done
    all_tests "$bin/python" "process and not real_model and not soak" "${pure[@]}"
  fi
  postgres="$((SECONDS - started)) s"
else
  postgres="skipped"
  echo "skip: no PostgreSQL on 127.0.0.1:5432 with Redis on 6379; tests ran on SQLite only"
fi

if [ $# -eq 0 ]; then
  step coverage
  $bin/coverage combine --quiet
  $bin/coverage report
fi
step "passed in $SECONDS s (SQLite $sqlite s, PostgreSQL $postgres)"

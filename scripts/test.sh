#!/usr/bin/env bash
# The gate: format, lint, types, import contracts, Django's checks, migrations, API schema, tests.
# Arguments go to pytest; without any, everything runs, and coverage has a floor.
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

if answers 5432 && answers 6379; then
  postgres=(env DATABASE_URL="postgres://postgres@127.0.0.1:5432/whoosh_gate"
    REDIS_URL="redis://127.0.0.1:6379/9")
else
  postgres=()
  echo "skip: no PostgreSQL on 127.0.0.1:5432 with Redis on 6379; tests run on SQLite only"
fi

if [ $# -gt 0 ]; then
  step tests on SQLite
  $bin/python -m pytest "$@"
  if [ ${#postgres[@]} -gt 0 ]; then
    step tests on PostgreSQL and Redis
    "${postgres[@]}" $bin/python -m pytest -m "not browser and not real_model" "$@" || [ $? = 5 ]
  fi
  step "passed in $SECONDS s"
  exit
fi

# Quick tests run inside pytest, on all cores. Whole installations and a browser wait more than they
# work: they run beside the quick tests, one at a time. Chaos runs alone, after all others: it
# measures how long what was killed takes to come back.
quick="not (browser or process or chaos or real_model or soak)"
waiting="(browser or process or real_model) and not (chaos or soak)"
# A second database is not needed for what knows none: documents and house rules, the fake host, and
# how workflows are read and run; nor for sweeps over every address.
pure=(--ignore-glob "tests/test_*.py")
for part in engine n8n nodes scripts; do pure+=(--ignore "workflows/tests/$part"); done

all_waiting() {
  $bin/python -m pytest -m "$waiting"
  [ ${#postgres[@]} = 0 ] \
    || "${postgres[@]}" $bin/python -m pytest -m "$waiting and not (browser or real_model)"
  echo "waiting tests: $((SECONDS - began)) s"
}

end_waiting() {
  # However the gate ends: none of them runs on, and what they said is shown.
  pkill -INT -P "$beside" || true
  wait "$beside" || true
  cat "$WHOOSH_VAR/waiting.txt"
}

began=$SECONDS
set -m  # without job control, what runs in the background ignores an interrupt
all_waiting < /dev/null > "$WHOOSH_VAR/waiting.txt" 2>&1 &
set +m
beside=$!
trap end_waiting EXIT

# Coverage nearly doubles the work of what it measures. These are the rooms' own tests: the floor
# holds without what attacks, whole installations and the browser reach.
step quick tests of the rooms on SQLite, with coverage
$bin/coverage erase
$bin/coverage run -m pytest -n auto -m "$quick" --ignore-glob "tests/*"
$bin/coverage combine --quiet
$bin/coverage report
step other quick tests on SQLite
$bin/python -m pytest -n auto -m "$quick" tests
if [ ${#postgres[@]} -gt 0 ]; then
  step quick tests on PostgreSQL and Redis
  "${postgres[@]}" $bin/python -m pytest -n auto -m "$quick and not sweep" "${pure[@]}"
fi
echo "quick tests: $((SECONDS - began)) s"

step tests of whole installations and of the browser, which ran beside these
wait "$beside"
trap - EXIT
end_waiting

step chaos
$bin/python -m pytest -m "chaos and not soak"
[ ${#postgres[@]} = 0 ] || "${postgres[@]}" $bin/python -m pytest -m "chaos and not soak"
step "passed in $SECONDS s"

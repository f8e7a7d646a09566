#!/usr/bin/env bash
# Starts WHOOSH: makes .venv and installs what is missing, then runs `manage.py up` with your options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/install.sh

make_venv
install_once app requirements.txt
install_model
exec .venv/bin/python manage.py up "$@"

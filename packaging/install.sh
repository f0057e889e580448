#!/bin/sh
# Installs ZoneGuard from this folder (made by `make bundle`) without a network: sh install.sh [FOLDER]
set -eu
to=${1:-/opt/zoneguard}
case $to in /*) ;; *) to=$PWD/$to ;; esac
python=${PYTHON:-python3}
cd "$(dirname "$0")"
sha256sum --quiet --check SHA256SUMS
if ! "$python" -m venv "$to"; then
    echo "The module venv is missing (Debian: python3-venv)." >&2
    echo "venv モジュールがありません（Debian では python3-venv）。" >&2
    exit 5
fi
if ! "$to/bin/pip" install --quiet --no-index --find-links wheels --require-hashes -r requirements.lock; then
    echo "These packages are for another Python than $("$python" --version); make the bundle with this one." >&2
    echo "この一式は $("$python" --version) 用ではありません。同じ版の Python で作り直してください。" >&2
    exit 5
fi
"$to/bin/pip" install --quiet --no-index --no-deps wheels/zoneguard-*.whl
"$to/bin/zoneguard" --version

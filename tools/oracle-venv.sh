#!/usr/bin/env bash
# Makes .venv with what the tools in this folder need, and prints the path of its Python. Does nothing when it is there.
#
# usage:  tools/oracle-venv.sh
# exit:   0 ready, 3 no Python, 4 the packages could not be installed, 5 they do not work
set -u
cd "$(dirname "$0")/.." || exit 1

python=.venv/bin/python
has_packages() {
  "$python" -c 'import importlib.metadata as m, coremltools, numpy; assert m.version("coremltools") == "9.0"' >/dev/null 2>&1
}

if ! has_packages; then
  interpreter=$(command -v python3.11 || command -v python3) || { echo "no python3 in PATH" >&2; exit 3; }
  "$interpreter" -m venv .venv >&2 || { echo "$interpreter cannot make a virtual environment" >&2; exit 3; }
  # coremltools 9.0 fails with numpy 2.4.
  "$python" -m pip install --quiet --disable-pip-version-check coremltools==9.0 'numpy<2.4' >&2 || exit 4
  has_packages || { echo "coremltools 9.0 is installed but cannot be imported" >&2; exit 5; }
fi
echo "$PWD/$python"

#!/bin/sh
# Unpacks the payload beside this file and runs the check with the Python on PATH, whose torch is built against. Options are those of npm run gpu:check.
set -e
here=$(cd "$(dirname "$0")" && pwd)
work=${LRDIST_GPU_CHECK_WORK:-$here/lrdist}
python=${PYTHON:-python3}
if [ ! -e "$work/.unpacked" ]; then
  mkdir -p "$work"
  # xz may not be there; Python has it.
  if command -v xz >/dev/null 2>&1; then
    xz -dc "$here/payload.tar.xz" | tar -xf - -C "$work"
  else
    "$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$here/payload.tar.xz" "$work"
  fi
  touch "$work/.unpacked"
fi
cd "$work"
export LRDIST_GPU_CHECK_BARE=1 LIBTORCH_USE_PYTORCH=1 LRDIST_DATA="$work/data" LRDIST_CACHE="${LRDIST_CACHE:-$work/cache}" PYTHON="$python"
exec "$work/bin/node" scripts/gpu-check.mjs "$@"

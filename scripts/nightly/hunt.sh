#!/usr/bin/env bash
# One part of this project's own night: scripts/nightly/hunt.sh GROUP SHARD TIME FOLDER [OPTION…], as `hunt.sh quick 1/2 2h night`.
# Backends of one speed hunt together, or the slowest would set the pace for all. FOLDER holds the store and the report.
# What else `convdiff nightly` takes, such as --runs 200, may follow.
set -euo pipefail
if [ $# -lt 4 ]; then
  echo 'usage: hunt.sh quick|frameworks|compilers|browser|gradients SHARD TIME FOLDER [OPTION…]' >&2
  exit 2
fi
group=$1 shard=$2 time=$3 folder=$4
shift 4
root=$(cd "$(dirname "$0")/../.." && pwd)

# Each group has a seed of its own, so that each goes on where it ended.
case $group in
  quick)
    seed=1 extras='' options=''
    backends=reference,tfjs-cpu,tfjs-wasm,tfjs-node,tfjs-cpu-padded,tfjs-cpu-native,tfjs-wasm-native,tfjs-node-native
    ;;
  frameworks)
    seed=2 extras='onnxruntime-node onnxruntime-web' options=''
    backends=torch-float32,torch-float32-onednn,tensorflow,tensorflow-onednn,onnxruntime-node,onnxruntime-web
    ;;
  compilers)
    seed=3 extras='jax openvino' options=''
    backends=jax,openvino,openvino-native
    ;;
  browser)
    seed=4 extras=chromium options=''
    backends=tfjs-webgl,tfjs-webgpu,tfjs-webgl-native,tfjs-webgpu-native
    ;;
  gradients)
    seed=5 extras='' options=--gradients
    backends=reference,tfjs-cpu,tfjs-wasm,tfjs-node,torch-float32
    ;;
  *)
    echo "there is no group $group: there are quick, frameworks, compilers, browser and gradients" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # these are lists of words
node "$root/scripts/convdiff.mjs" setup
# shellcheck disable=SC2086
if [ -n "$extras" ] && ! node "$root/scripts/convdiff.mjs" setup $extras; then
  if [ "$group" = browser ]; then
    echo 'there is no browser here: this group has nothing to hunt' >&2
    exit 0
  fi
  exit 3
fi
# shellcheck disable=SC2086
exec node "$root/scripts/convdiff.mjs" nightly --backend "$backends" --seed "$seed" --shard "$shard" --time "$time" \
  --store "$folder/store" --report "$folder/report" $options "$@"

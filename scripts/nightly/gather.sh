#!/usr/bin/env bash
# Joins the parts of a night: scripts/nightly/gather.sh PARTS FOLDER. PARTS has a folder for each part, with its store and report; FOLDER
# has those of the nights before, and gets the joined ones.
set -euo pipefail
if [ $# -ne 2 ]; then
  echo 'usage: gather.sh PARTS FOLDER' >&2
  exit 2
fi
parts=$1 folder=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
shopt -s nullglob
found=("$parts"/*/)
if [ ${#found[@]} -eq 0 ]; then
  echo "no part in $parts: there is nothing to join" >&2
  exit 0
fi
node "$root/scripts/convdiff.mjs" merge "${found[@]}" --store "$folder/store" --report "$folder/report"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$folder/report/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi

#!/bin/sh
# What an earlier conversation in this project left. The client gives each run a home of its own, so yours stays as it is.
# The server that it starts searches by words, as there is no time to build a model, and ends by itself.
set -eu
export SEGUE_MEMORY_MODEL_BUILD=false SEGUE_IDLE_EXIT_S=300
git init -q .
cat >earlier.jsonl <<'END'
{"content": "The join in export/rows.py was an inner join on region. I made it a left join; both suites pass. Still open: the backfill of March.", "kind": "conversation", "role": "assistant"}
END
segue import earlier.jsonl --project "$(basename "$PWD")"
rm earlier.jsonl

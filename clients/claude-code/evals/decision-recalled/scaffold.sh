#!/bin/sh
# What an earlier conversation in this project left. The client gives each run a home of its own, so yours stays as it is.
# The server that it starts searches by words, as there is no time to build a model, and ends by itself.
set -eu
export SEGUE_MEMORY_MODEL_BUILD=false SEGUE_IDLE_EXIT_S=300
git init -q .
cat >earlier.jsonl <<'END'
{"content": "From now on we store amounts of money as integers of cents, since floats lost a cent in March.", "kind": "conversation", "role": "user", "tags": ["decision"]}
END
segue import earlier.jsonl --project "$(basename "$PWD")"
rm earlier.jsonl

#!/usr/bin/env bash
# As the image of MongoDB does: creates the user of MONGO_INITDB_ROOT_USERNAME once, and requires a login only with it.
# Of the arguments of mongod, only --replSet and enableTestCommands=1 have an effect.
set -euo pipefail
serve() { exec secantusd-py --storage-path /data/db --sync-on-commit "$@"; }

flags=()
if [[ "$*" != *--replSet* ]]; then flags+=(--standalone); fi
if [[ "$*" == *enableTestCommands=1* ]]; then flags+=(--enable-test-commands); fi

if [ -n "${MONGO_INITDB_ROOT_USERNAME:-}" ]; then
  flags+=(--auth)
  if [ ! -e /data/db/.root-user ]; then
    (serve --host 127.0.0.1 --port 27018) &
    python3 /usr/local/bin/create-root.py "$MONGO_INITDB_ROOT_USERNAME" "$(<"$MONGO_INITDB_ROOT_PASSWORD_FILE")"
    kill %1
    wait %1 || true
    touch /data/db/.root-user
  fi
fi
serve --host 0.0.0.0 --port 27017 "${flags[@]}"

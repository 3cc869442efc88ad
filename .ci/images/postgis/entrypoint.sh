#!/usr/bin/env bash
# Creates cluster, user, database and PostGIS on the first start. Then it executes its arguments.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # shellcheck disable=SC2086 # a list of arguments
  initdb -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 \
    ${POSTGRES_INITDB_ARGS:-}
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # Only on the socket, so that nobody connects before the database is complete.
  pg_ctl -w start -o "-c listen_addresses=''"
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c 'create extension postgis'
  pg_ctl -w stop -m fast
fi
exec "$@" -c 'listen_addresses=*'

import format from 'pg-format';
import { LANES } from '#shared/contracts/lanes.ts';
import { STATUSES } from '#shared/contracts/statuses.ts';

/**
 * Tables of the ledger: one for each collection, with the document in `doc`. Fields that are searched are columns that
 * PostgreSQL derives from the document. An update of `doc` that does not change these columns updates no index (a
 * heap-only update); an index on an expression of `doc` would be updated every time.
 */
const field = (name: string, type = 'text'): string =>
  `${name} ${type} generated always as ((doc ->> '${name}')${type === 'text' ? '' : `::${type}`}) stored`;
/** ISO 8601 times in UTC have the same order as their bytes. */
const time = (name: string): string => field(name).replace('text', 'text collate "C"');
const id = `${field('_id')} primary key`;

/** Room in each page for new versions of its runs: a run is updated about ten times. */
const RUNS_FILL_PERCENT = 50;

/** What the document of an archived run contains. */
const ARCHIVED = JSON.stringify({ steps: [{ name: 'archive', status: 'done' }] });

/** Creates the schema, and the tables and indexes that are missing. */
export const CREATE_TABLES = `
create schema if not exists ledger;

create table if not exists ledger.manifests (
  doc jsonb not null, ${id},
  ${field('batch_id')} unique,
  ${field('claimed_batch_id')},
  ${field('manifest_key')} not null,
  ${field('run_id')},
  ${field('status')} ${isOneOf('status', STATUSES)},
  ${time('created_at')} not null
);
create index if not exists manifests_claimed_batch_id
  on ledger.manifests (claimed_batch_id) where claimed_batch_id is not null;
create index if not exists manifests_manifest_key on ledger.manifests (manifest_key, created_at desc);

create table if not exists ledger.runs (
  doc jsonb not null, ${id},
  ${field('run_id')} not null unique,
  ${field('run_key')} not null unique,
  ${field('batch_id')} not null,
  ${field('dataset_id')} not null,
  ${field('lane')} ${isOneOf('lane', LANES)},
  ${field('status')} ${isOneOf('status', STATUSES)},
  ${time('created_at')} not null
) with (fillfactor = ${RUNS_FILL_PERCENT});
do $$ begin
  -- A statement ALTER TABLE waits for a running export, even if it has nothing to do, and others wait for it.
  if not exists (select from pg_attribute where attrelid = 'ledger.runs'::regclass and attname = 'archived') then
    alter table ledger.runs add column archived boolean generated always as (doc @> '${ARCHIVED}') stored;
  end if;
end $$;
create index if not exists runs_not_archived on ledger.runs (created_at desc, _id) where not archived;
create index if not exists runs_created_at on ledger.runs (created_at desc, _id);
create index if not exists runs_status on ledger.runs (status, created_at desc, _id);
create index if not exists runs_batch_id on ledger.runs (batch_id, created_at desc);
create index if not exists runs_dataset_id on ledger.runs (dataset_id, created_at desc);

create table if not exists ledger.assets (
  doc jsonb not null, ${id},
  ${field('dataset_id')} not null,
  ${field('version', 'int')} not null check (version >= 1),
  ${field('source_hash')} not null,
  ${field('s3_key')} not null unique,
  ${field('run_id')} not null,
  ${time('created_at')} not null,
  unique (dataset_id, version)
);
create index if not exists assets_source_hash on ledger.assets (dataset_id, source_hash, version desc);
create index if not exists assets_run_id on ledger.assets (run_id);
create index if not exists assets_created_at on ledger.assets (created_at desc, _id);
create index if not exists assets_removals
  on ledger.assets (dataset_id) where doc ? 'removed' and not doc ? 'purged_at';

create table if not exists ledger.lineage (
  doc jsonb not null, ${id},
  ${field('asset_id')} not null,
  ${field('run_id')} not null,
  ${time('created_at')} not null
);
create index if not exists lineage_asset_id on ledger.lineage (asset_id);
create index if not exists lineage_parent
  on ledger.lineage ((doc->'source'->>'asset_id')) where doc->'source' ? 'asset_id';
create index if not exists lineage_run_id on ledger.lineage (run_id);

create table if not exists ledger.activity_logs (
  doc jsonb not null, ${id},
  ${field('run_id')},
  ${field('batch_id')},
  ${time('at')} not null
);
create index if not exists activity_logs_at on ledger.activity_logs (at desc, _id);
create index if not exists activity_logs_run_id on ledger.activity_logs (run_id, at desc) where run_id is not null;
create index if not exists activity_logs_batch_id
  on ledger.activity_logs (batch_id, at desc) where batch_id is not null;

create table if not exists ledger.datasets (
  doc jsonb not null, ${id},
  ${field('dataset_id')} not null unique,
  ${field('latest_version', 'int')} not null check (latest_version >= 0)
);
`;

function isOneOf(name: string, values: readonly string[]): string {
  return format('not null check (%I in (%L))', name, values);
}

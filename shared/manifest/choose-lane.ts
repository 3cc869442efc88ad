import type { Env } from '#shared/config/env.ts';
import type { Stack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Lane, LANE_GROUP, laneOfIntent, LANES } from '#shared/contracts/lanes.ts';
import type { Manifest } from './manifest.ts';

/** The lanes whose runs a function of the stack receives. Without a stack, as in a container, every lane is served. */
export function lanesServedBy(stack: Pick<Stack, 'subscribers'> | undefined): ReadonlySet<Lane> {
  return new Set(LANES.filter((lane) => stack?.subscribers(`sluice.run.requested.${lane}`).length !== 0));
}

/** True if MANIFEST_ROUTER_ENABLED_LANES lists the lane group of the lane. */
export function isEnabled(lane: Lane, env: Pick<Env, 'MANIFEST_ROUTER_ENABLED_LANES'>): boolean {
  return env.MANIFEST_ROUTER_ENABLED_LANES.split(',').some((name) => name.trim() === LANE_GROUP[lane]);
}

/** The lane of a manifest. Throws MANIFEST_INVALID if the files do not match the intent. */
export function laneOf(manifest: Manifest): Lane {
  const lane = laneOfIntent(manifest.intent) ?? laneOfFiles(manifest);
  if (lane === 'join') checkJoin(manifest);
  else checkFileTypes(manifest, lane);
  return lane;
}

function laneOfFiles({ files, intent }: Manifest): Lane {
  const first = files[0];
  if (first === undefined) throw invalid('files', `files is empty. Intent ${intent} requires at least one file.`);
  return first.type;
}

function checkJoin(manifest: Manifest): void {
  if (manifest.metadata.join_config === undefined)
    throw invalid('metadata.join_config', 'metadata.join_config is missing. Intent join_datasets requires it.');
  if (manifest.files.length > 0)
    throw invalid('files', 'files must be empty for intent join_datasets, because it joins assets of the lake.');
}

function checkFileTypes({ files, intent }: Manifest, lane: Lane): void {
  if (files.length === 0) throw invalid('files', `files is empty. Intent ${intent} requires at least one file.`);
  const other = files.findIndex((file) => file.type !== lane);
  if (other === -1) return;
  const field = `files[${other}].type`;
  const reason =
    laneOfIntent(intent) === undefined
      ? `the first file is a ${lane} file, and all files of a manifest must have the same type`
      : `intent ${intent} requires ${lane} files`;
  throw invalid(field, `${field} is "${files[other]?.type}", but ${reason}.`);
}

function invalid(field: string, message: string): SluiceError {
  return new SluiceError('MANIFEST_INVALID', message, { details: { issues: [{ field, message }] } });
}

import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import type { InspectionView, UploadPlanView } from '#shared/api/views.ts';
import { FILE_TYPES } from '#shared/contracts/lanes.ts';
import { inspectionRequested, parseInspection } from '#shared/events/inspection.ts';
import { groupFiles, proposeDatasetId } from '#shared/landing/group-files.ts';
import { type ManifestFile, ManifestFileSchema, TabularParametersSchema } from '#shared/manifest/manifest.ts';
import { MAX_INSPECTIONS } from '#shared/runtime/inspection.ts';
import type { GatewayDeps } from '../deps.ts';
import { callInspection } from '../http/call-inspection.ts';
import { noQuery, readJson } from '../http/request-fields.ts';
import { TransferLimit } from '../http/transfers.ts';

/** A manifest has at most 1,000 files, each with a few parts. */
const MAX_FILES = 10_000;
/** Names in an archive that are read. The format is that of the first files. */
const MAX_MEMBERS = 10_000;
const MAX_PATH_LENGTH = 2_048;
const MAX_PLAN_BYTES = 8 * 2 ** 20;

const Path = z.string().min(1).max(MAX_PATH_LENGTH);
const PlanSchema = z.strictObject({
  files: z
    .array(
      z.strictObject({
        path: Path,
        members: z.array(Path).max(MAX_MEMBERS).optional(),
        format: z.string().min(1).max(64).optional(),
        type: z.enum(FILE_TYPES).optional(),
      }),
    )
    .max(MAX_FILES),
});

const InspectSchema = z.strictObject({ file: ManifestFileSchema, tabular: TabularParametersSchema.optional() });

/** The function that reads the files of a type. It runs in a process of its own, and GDAL in a sandbox. */
const READERS: Record<ManifestFile['type'], string> = {
  vector: 'load-to-postgis',
  raster: 'export-cog',
  tabular: 'export-parquet',
};

/**
 * POST /api/uploads/plan returns an UploadPlanView for the names of files, as `sluice ingest` would read them. It needs
 * no content of the files, and stores nothing.
 *
 * POST /api/uploads/inspect returns an InspectionView for a file in the landing zone, as a manifest would name it. The
 * function that would load it reads the file, without a run. Errors of the file are those of the run, with status 422.
 */
export function uploadRoutes(deps: Pick<GatewayDeps, 'env' | 'caller' | 'deployments'>): Hono {
  const inspections = new TransferLimit('inspections', MAX_INSPECTIONS);
  return new Hono()
    .post('/api/uploads/plan', noQuery, async (c) => {
      const { files } = await readJson(c.req.raw, PlanSchema, MAX_PLAN_BYTES);
      const groups = groupFiles(files);
      return c.json({
        files: groups,
        dataset_id: groups[0] === undefined ? null : proposeDatasetId(groups[0].path),
        max_file_bytes: deps.env.MAX_FILE_BYTES,
      } satisfies UploadPlanView);
    })
    .post('/api/uploads/inspect', noQuery, async (c) => {
      // Read before the inspection is counted, so that slow clients do not prevent other inspections.
      const request = await readJson(c.req.raw, InspectSchema);
      return c.json(await inspections.during(() => inspect(request, c.req.raw.signal, deps)));
    });
}

async function inspect(
  request: z.output<typeof InspectSchema>,
  signal: AbortSignal,
  deps: Pick<GatewayDeps, 'caller' | 'deployments'>,
): Promise<InspectionView> {
  const event = inspectionRequested(request.file.path, request, randomUUID());
  return parseInspection(await callInspection(READERS[request.file.type], event, signal, deps));
}

import { cpSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { createSecrets } from '../../kustomize/secret-files.ts';
import type { Resource } from '../../kustomize/generator/resource.ts';

const KUSTOMIZE = fileURLToPath(new URL('../../kustomize', import.meta.url));
/** The reason that skipped tests print. */
export const NEEDS_KUBECTL = 'needs kubectl on the PATH (.ci/kubernetes.sh)';

export async function hasKubectl(): Promise<boolean> {
  return (await execa('kubectl', ['version', '--client'], { reject: false })).exitCode === 0;
}

/** A copy of kustomize/ with generated secrets. */
export class KustomizeCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'kustomize-'));

  constructor() {
    cpSync(KUSTOMIZE, this.folder, {
      recursive: true,
      filter: (path) => !path.includes('created-by-npm-run-secrets'),
    });
    createSecrets(join(this.folder, 'secrets'), {});
  }

  /** The resources of a folder, such as `overlays/plain`, as `kubectl apply -k` sends them. */
  async build(path: string): Promise<Resource[]> {
    const { stdout } = await execa('kubectl', ['kustomize', join(this.folder, path)]);
    return parseAllDocuments(stdout).map((document) => document.toJS() as Resource);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

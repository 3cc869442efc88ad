import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readStack } from '#shared/config/stack.ts';
import { hasKubectl, KustomizeCopy, NEEDS_KUBECTL } from '../tests/kustomize/kustomize-copy.ts';

/** The overlay with images of a registry that kustomize/README.md describes. */

const { functions } = await readStack(undefined, {});
const NAMES = ['gateway', ...functions.map(({ name }) => name)];
/** For the Functions of OpenFaaS, whose images kustomize does not recognize. */
const CONFIGURATION = { images: [{ group: 'openfaas.com', kind: 'Function', path: 'spec/image' }] };

const available = await hasKubectl();
if (!available) console.warn(`kustomize/own-overlay.server.test.ts is skipped: it ${NEEDS_KUBECTL}.`);

describe.skipIf(!available)(`an overlay of one's own (${NEEDS_KUBECTL})`, () => {
  let copy: KustomizeCopy;
  beforeAll(() => {
    copy = new KustomizeCopy();
  });
  afterAll(() => copy.remove());

  test.each(['plain', 'openfaas', 'knative', 'external-stores'])('replaces every image of %s', async (overlay) => {
    const folder = join(copy.folder, 'overlays', `own-${overlay}`);
    mkdirSync(folder);
    const images = NAMES.map((name) => ({
      name: `sluice/${name}`,
      newName: `registry.example.com/sluice/${name}`,
      newTag: '0.1.0',
    }));
    const configurations = overlay === 'openfaas' ? ['images.yaml'] : [];
    writeFileSync(join(folder, 'images.yaml'), stringify(CONFIGURATION));
    writeFileSync(
      join(folder, 'kustomization.yaml'),
      stringify({ resources: [`../${overlay}`], images, configurations }),
    );
    const text = JSON.stringify(await copy.build(`overlays/own-${overlay}`));
    const used = new Set([...text.matchAll(/"image":"([^"]*sluice\/[^"]+)"/g)].map(([, image]) => image));
    expect([...used].sort()).toEqual(NAMES.map((name) => `registry.example.com/sluice/${name}:0.1.0`).sort());
  });
});

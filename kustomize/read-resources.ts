import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Resource } from './generator/resource.ts';

/** For tests: the resources in the YAML files of folders below kustomize/, before kustomize changes them. */
export function readResources(...folders: string[]): Resource[] {
  return folders.flatMap((folder) =>
    readdirSync(join(import.meta.dirname, folder))
      .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
      .flatMap((name) =>
        parseAllDocuments(readFileSync(join(import.meta.dirname, folder, name), 'utf8'), { merge: true }),
      )
      .map((document) => document.toJS() as Resource),
  );
}

/** The part of a resource that describes its pods; undefined for a resource without pods. */
export function podTemplate(resource: Resource): PodTemplate | undefined {
  return (resource.spec as { template?: PodTemplate } | undefined)?.template;
}

export interface PodTemplate {
  metadata: { labels: Record<string, string> };
  spec: {
    automountServiceAccountToken?: boolean;
    securityContext?: Record<string, unknown>;
    containers: Container[];
    initContainers?: Container[];
    volumes: { name: string; projected?: { sources: { secret: { name: string } }[] } }[];
    timeoutSeconds?: number;
    responseStartTimeoutSeconds?: number;
  };
}

interface Container {
  name: string;
  env: { name: string; value?: string }[];
  securityContext: Record<string, unknown>;
}

import { format } from 'prettier';
import { stringify } from 'yaml';

/** A Kubernetes resource. The API server checks its fields (kustomize/overlays.server.test.ts). */
export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** kubectl reads YAML 1.1, in which `on` and `yes` without quotes are booleans. */
const YAML = { aliasDuplicateObjects: false, compat: 'yaml-1.1' } as const;

/** A file below kustomize/ that `npm run generate` writes. */
export interface KustomizeFile {
  /** From the root of the repository. */
  path: string;
  content: () => Promise<string>;
}

/** A file with one YAML document for each resource. */
export function resourceFile(path: string, resources: () => Promise<Resource[]>): KustomizeFile {
  return {
    path: `kustomize/${path}`,
    content: async () => {
      const documents = (await resources()).map((resource) => stringify(resource, YAML));
      const text = `# Generated from stack.yml by \`npm run generate\`. Do not edit.\n${documents.join('---\n')}`;
      return format(text, { parser: 'yaml', printWidth: 120, singleQuote: true });
    },
  };
}

import { connectionsDocument } from './connections.ts';
import { envExample } from './env-example.ts';
import { errorsDocument } from './errors.ts';
import { imagePackages } from './imported-packages.ts';
import { formatsDocument } from './formats.ts';
import { functionReadmes } from './function-readmes.ts';
import { kustomizeFiles } from '../../kustomize/generator/files.ts';
import type { GeneratedFile } from './generated-file.ts';
import { manifestDocument, manifestSchemaDocument } from './manifest.ts';
import { recipesDocument } from './recipes.ts';

/** Every generated file of the repository. */
export const GENERATED_FILES: readonly GeneratedFile[] = [
  connectionsDocument,
  envExample,
  errorsDocument,
  formatsDocument,
  imagePackages,
  ...kustomizeFiles,
  manifestDocument,
  manifestSchemaDocument,
  recipesDocument,
  ...functionReadmes,
];

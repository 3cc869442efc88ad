import { z } from 'zod';
import { ENV_SCHEMA } from '#shared/config/env.ts';
import { FILE_VARIABLES } from '#shared/config/secrets.ts';
import { type GeneratedFile, MAX_COLUMNS, wrapText } from './generated-file.ts';

/** Descriptions of defaults that depend on the machine. */
const COMPUTED_DEFAULTS: Record<string, string> = {
  CORES: 'the number of cores of the machine',
  FUNCTION_MEMORY_BYTES: '60 % of the memory of the machine, at least 2 GiB',
  POSTGRES_MEMORY_BYTES:
    'the memory of the machine or container divided by its cores, at most a quarter, at least 1.5 GiB',
  GDAL_MEMORY_BYTES: 'half of the memory of the machine or container, from 1 to 8 GiB',
};

/** .env.example: every variable with its description and default, commented out, so that a copy changes nothing. */
export const envExample: GeneratedFile = {
  path: '.env.example',
  content: () => {
    const { properties = {} } = z.toJSONSchema(ENV_SCHEMA, { io: 'input' });
    const variables = Object.entries(properties).map(([name, schema]) =>
      variableLines(name, schema as VariableSchema).join('\n'),
    );
    return `${HEADER}\n\n${variables.join('\n\n')}\n`;
  },
};

interface VariableSchema {
  description?: string;
  default?: string | number | boolean;
  enum?: string[];
}

const HEADER = [
  '# Generated from shared/config/env.ts by `npm run generate`. Do not edit.',
  '# To change a setting, copy this file to .env, and remove the # of its line. npm start and npx sluice read .env.',
  '# Environment variables override the file. An empty value is the same as no value.',
  '# NAME_FILE=PATH instead of NAME=VALUE reads the value from a file, such as a mounted secret. This applies to',
  '# all keys of the object store (S3_…), and to',
  ...wrapText(`${FILE_VARIABLES.filter((name) => !name.startsWith('S3_')).join(', ')}.`, MAX_COLUMNS - 2).map(
    (line) => `# ${line}`,
  ),
].join('\n');

function variableLines(name: string, { description = '', default: value, enum: choices }: VariableSchema): string[] {
  const notes = [
    choices === undefined ? undefined : `One of ${choices.join(', ')}.`,
    COMPUTED_DEFAULTS[name] && `Default: ${COMPUTED_DEFAULTS[name]}.`,
  ];
  const shown = name in COMPUTED_DEFAULTS || value === undefined ? '' : String(value);
  const text = [description, ...notes].filter(Boolean).join(' ');
  return [...wrapText(text, MAX_COLUMNS - 2).map((line) => `# ${line}`), `#${name}=${shown}`];
}

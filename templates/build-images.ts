import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { readStack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { formatBytes } from '#shared/text/amounts.ts';
import { chooseBase } from './base-image.ts';
import { replaceTable } from './replace-table.ts';

/**
 * `npm run images [NAME…]`: builds the images of the functions and of the gateway one after the other, with Docker, and
 * prints their sizes. `--record` writes the sizes to docs/images.md. The variables in BUILD_ARGUMENTS replace the base
 * images; see chooseBase for the default. IMAGE_TARGET=function builds the functions without of-watchdog.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = new URL('../docs/images.md', import.meta.url);
const BUILD_ARGUMENTS = [
  'NODE_IMAGE',
  'WATCHDOG_IMAGE',
  'VERSION',
  'REVISION',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

interface Image {
  name: string;
  tag: string;
  template: string;
  /** Arguments of `docker build`. */
  args: string[];
}

/** The images of stack.yml and of the gateway. */
async function listImages(variables: NodeJS.ProcessEnv): Promise<Image[]> {
  const { functions } = await readStack(undefined, variables);
  const target = variables.IMAGE_TARGET ? ['--target', variables.IMAGE_TARGET] : [];
  const images = functions.map(({ name, lang, image }) => ({
    name,
    tag: image,
    template: lang,
    args: [
      ...['--file', `templates/${lang}/Dockerfile`, ...target],
      ...buildArguments({ FUNCTION: name, SOURCE: '.', HANDLER: `functions/${name}` }),
    ],
  }));
  const tag = `${variables.SLUICE_REGISTRY || 'sluice'}/gateway:${variables.SLUICE_VERSION || 'latest'}`;
  return [...images, { name: 'gateway', tag, template: 'gateway', args: ['--file', 'gateway/Dockerfile'] }];
}

function buildArguments(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
}

async function build({ name, tag, args }: Image, given: Record<string, string>): Promise<void> {
  const startedAt = performance.now();
  await execa('docker', ['build', ...args, ...buildArguments(given), '--tag', tag, '.'], {
    cwd: ROOT,
    stdout: 'ignore',
    stderr: 'pipe',
  });
  process.stderr.write(`${name}: ${tag} built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

async function sizeOf({ tag }: Image): Promise<number> {
  return Number((await execa('docker', ['image', 'inspect', '--format', '{{.Size}}', tag])).stdout);
}

/** The base image, the version of package.json and the commit, unless the environment has others. */
async function givenArguments(variables: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as { version: string };
  const git = await execa('git', ['rev-parse', 'HEAD'], { cwd: ROOT, reject: false });
  const values: NodeJS.ProcessEnv = {
    VERSION: version,
    REVISION: git.failed ? undefined : git.stdout,
    ...variables,
    NODE_IMAGE: await chooseBase(variables.NODE_IMAGE),
  };
  return Object.fromEntries(BUILD_ARGUMENTS.flatMap((name) => (values[name] ? [[name, values[name]]] : [])));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { record: { type: 'boolean' } } });
  const all = await listImages(process.env);
  const unknown = positionals.filter((name) => !all.some((image) => image.name === name));
  if (unknown.length > 0)
    throw new SluiceError('REQUEST_INVALID', `No image is named ${unknown.join(', ')}.`, { details: { unknown } });
  const images = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const given = await givenArguments(process.env);
  process.stderr.write(`Base image: ${given.NODE_IMAGE}\n`);
  const rows = ['| image | template | size |', '|---|---|--:|'];
  for (const image of images) {
    await build(image, given);
    rows.push(`| ${image.name} | ${image.template} | ${formatBytes(await sizeOf(image))} |`);
  }
  const table = rows.join('\n');
  process.stdout.write(`${table}\n`);
  if (values.record) await writeFile(DOCUMENT, replaceTable(await readFile(DOCUMENT, 'utf8'), table));
}

try {
  await main();
} catch (thrown) {
  const { stderr, message } = thrown as Error & { stderr?: string };
  process.stderr.write(`${stderr ?? ''}\nThe images could not be built. ${message.split('\n', 1)[0]}\n`);
  process.exitCode = 1;
}

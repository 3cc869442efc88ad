import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { GeneratedFile } from './generated-file.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The process of every function. */
const FUNCTION_PROCESS = 'shared/runtime/function-process.ts';
/** The programs of the gateway image: the gateway, the command line, and the set-up of docker-compose.yaml. */
const GATEWAY = [
  'gateway/container.ts',
  'cli/sluice.mjs',
  ...['secrets', 'set-up-mongodb', 'sample'].map((name) => `cli/compose/${name}.ts`),
];

/**
 * templates/packages.json: the npm packages that the image of each function contains, and those of the gateway. The
 * Dockerfiles remove the other dependencies of package.json, so that only images that use DuckDB contain it.
 */
export const imagePackages: GeneratedFile = {
  path: 'templates/packages.json',
  content: () => {
    const functions = readdirSync(`${ROOT}functions`).sort();
    const lists = functions.map(
      (name) => [name, importedPackages([FUNCTION_PROCESS, `functions/${name}/handler.ts`])] as const,
    );
    return `${JSON.stringify({ ...Object.fromEntries(lists), gateway: importedPackages(GATEWAY) }, null, 2)}\n`;
  },
};

/**
 * The npm packages that programs import, directly or through other files of the repository, sorted by name. Follows
 * static imports, `import('…')`, `new URL('./worker.ts', import.meta.url)` and `createRequire(…)('…')`, but no types.
 */
export function importedPackages(programs: readonly string[]): string[] {
  const packages = new Set<string>();
  const found = new Set<string>();
  const waiting = [...programs];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    for (const specifier of specifiersOf(file)) {
      const local = localFile(specifier, file);
      if (local !== undefined) waiting.push(local);
      else if (!isBuiltin(specifier)) packages.add(packageOf(specifier));
    }
  }
  return [...packages].sort();
}

const parsed = new Map<string, string[]>();

/** What a file imports when it is executed. */
function specifiersOf(file: string): string[] {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const specifiers: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && ts.isStringLiteral(specifier)) specifiers.push(specifier.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(ROOT + file, 'utf8'), ts.ScriptTarget.ESNext));
  parsed.set(file, specifiers);
  return specifiers;
}

function specifierOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly ? undefined : node.moduleSpecifier;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : node.moduleSpecifier;
  if (ts.isCallExpression(node) && (isDynamicImport(node) || isCallOf(node.expression, 'createRequire')))
    return node.arguments[0];
  if (ts.isNewExpression(node) && isCallOf(node, 'URL')) return programOf(node.arguments?.[0]);
  return undefined;
}

function isDynamicImport({ expression }: ts.CallExpression): boolean {
  return expression.kind === ts.SyntaxKind.ImportKeyword;
}

function isCallOf(node: ts.Node, name: string): boolean {
  const called = ts.isCallExpression(node) || ts.isNewExpression(node) ? node.expression : undefined;
  return called !== undefined && ts.isIdentifier(called) && called.text === name;
}

/** URLs also name folders and files of data. */
function programOf(url: ts.Expression | undefined): ts.Expression | undefined {
  return url !== undefined && ts.isStringLiteral(url) && /^\..*\.(?:ts|mjs)$/.test(url.text) ? url : undefined;
}

/** The path of an imported file of the repository; undefined for a package. */
function localFile(specifier: string, importer: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return undefined;
  return fileURLToPath(new URL(specifier, pathToFileURL(ROOT + importer))).slice(ROOT.length);
}

/** `@scope/name` or `name`, without the path inside of the package. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

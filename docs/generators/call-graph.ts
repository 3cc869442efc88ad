import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Declarations that are not followed: the runtime, because every function runs in it, and schemas, because they refer
 * to the recipe steps without executing them.
 */
const NOT_FOLLOWED = { files: /^(shared\/(runtime|config|errors|log)|node_modules)\/|\.test\.ts$/, names: /Schema$/ };

/** What the code of a function uses, found by following its references from `handler`. */
export interface CodeFacts {
  /** String literals outside of types and comparisons. */
  literals: Set<string>;
  /** First arguments of `makeEvent`; `*` replaces a computed part. */
  events: Set<string>;
  /** Properties of `Context` that are read: `ledger`, `postgis`, … */
  ports: Set<string>;
  /** Files of the followed declarations, from the root of the repository. */
  files: Set<string>;
}

/** Reads the facts of several functions. They share one program, because creating it takes the most time. */
export function readCodeFacts(handlers: string[]): CodeFacts[] {
  const options: ts.CompilerOptions = { strict: true, lib: ['lib.es5.d.ts'], types: [] };
  const host = ts.createCompilerHost(options);
  // Packages are not resolved: only references within the repository are followed, and the types of packages are large.
  host.resolveModuleNameLiterals = (names, importer) =>
    names.map(({ text }) => ({ resolvedModule: resolveInRepository(text, importer) }));
  const workers = ts.sys.readDirectory(`${ROOT}shared`, ['.ts']).filter((path) => path.endsWith('worker.ts'));
  const program = ts.createProgram([...handlers.map((path) => ROOT + path), ...workers], options, host);
  return handlers.map((path) => followReferences(program, program.getSourceFile(ROOT + path)));
}

function resolveInRepository(specifier: string, importer: string): ts.ResolvedModuleFull | undefined {
  const base = specifier.startsWith('#shared/') ? ROOT + specifier.slice(1) : undefined;
  const file = base ?? (specifier.startsWith('.') ? fileURLToPath(new URL(specifier, pathToFileURL(importer))) : '');
  return file.endsWith('.ts') ? { resolvedFileName: file, extension: ts.Extension.Ts } : undefined;
}

function followReferences(program: ts.Program, handler: ts.SourceFile | undefined): CodeFacts {
  const facts: CodeFacts = { literals: new Set(), events: new Set(), ports: new Set(), files: new Set() };
  const checker = program.getTypeChecker();
  const found = new Set<ts.Statement>();
  const waiting: ts.Statement[] = [...(handler?.statements ?? [])];
  const follow = (statement: ts.Statement) => {
    if (!found.has(statement) && isFollowed(statement)) waiting.push(statement);
  };
  for (let statement = waiting.pop(); statement !== undefined; statement = waiting.pop()) {
    if (found.has(statement)) continue;
    found.add(statement);
    facts.files.add(pathOf(statement));
    readFacts(statement, facts, checker);
    for (const target of referencesOf(statement, program)) follow(target);
  }
  return facts;
}

/** The top-level statements that a statement refers to, by name or as the file of a worker thread. */
function referencesOf(statement: ts.Statement, program: ts.Program): ts.Statement[] {
  const checker = program.getTypeChecker();
  const targets: ts.Statement[] = [];
  visit(statement, (node) => {
    if (ts.isIdentifier(node)) targets.push(...declarationsOf(node, checker));
    if (ts.isNewExpression(node) && node.expression.getText() === 'URL') targets.push(...workerFile(node, program));
  });
  return targets;
}

function declarationsOf(name: ts.Identifier, checker: ts.TypeChecker): ts.Statement[] {
  const symbol = ts.isShorthandPropertyAssignment(name.parent)
    ? checker.getShorthandAssignmentValueSymbol(name.parent)
    : checker.getSymbolAtLocation(name);
  if (symbol === undefined) return [];
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (target.declarations ?? []).map(topLevelOf).filter((statement) => statement !== undefined);
}

/** The statements of FILE in `new URL('./FILE.ts', import.meta.url)`. */
function workerFile(node: ts.NewExpression, program: ts.Program): ts.Statement[] {
  const [path] = node.arguments ?? [];
  if (path === undefined || !ts.isStringLiteral(path) || !path.text.endsWith('.ts')) return [];
  const file = fileURLToPath(new URL(path.text, pathToFileURL(node.getSourceFile().fileName)));
  return [...(program.getSourceFile(file)?.statements ?? [])];
}

function readFacts(statement: ts.Statement, { literals, events, ports }: CodeFacts, checker: ts.TypeChecker): void {
  visit(statement, (node) => {
    if (ts.isStringLiteral(node) && !isCompared(node)) literals.add(node.text);
    if (ts.isCallExpression(node) && node.expression.getText() === 'makeEvent' && node.arguments[0] !== undefined)
      events.add(eventTypeOf(node.arguments[0]));
    const port = portOf(node, checker);
    if (port !== undefined) ports.add(port);
  });
}

function eventTypeOf(node: ts.Expression): string {
  if (!ts.isTemplateExpression(node)) return ts.isStringLiteral(node) ? node.text : '*';
  return node.head.text + node.templateSpans.map(({ literal }) => `*${literal.text}`).join('');
}

/** The property of `Context` that `context.NAME` or `{ NAME }: Context` reads. */
function portOf(node: ts.Node, checker: ts.TypeChecker): string | undefined {
  const property = ts.isPropertyAccessExpression(node)
    ? checker.getSymbolAtLocation(node.name)
    : ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)
      ? checker.getTypeAtLocation(node.parent).getProperty((node.propertyName ?? node.name).getText())
      : undefined;
  const owner = property?.declarations?.[0]?.parent;
  return owner !== undefined && ts.isInterfaceDeclaration(owner) && owner.name.text === 'Context'
    ? property?.name
    : undefined;
}

function isCompared(node: ts.StringLiteral): boolean {
  return ts.isBinaryExpression(node.parent) && /^[!=]==$/.test(node.parent.operatorToken.getText());
}

/** Visits the nodes of a statement that are executed: no types, no imports. */
function visit(node: ts.Node, read: (node: ts.Node) => void): void {
  if (ts.isTypeNode(node) || ts.isTypeOnlyImportOrExportDeclaration(node)) return;
  read(node);
  ts.forEachChild(node, (child) => visit(child, read));
}

function topLevelOf(node: ts.Node): ts.Statement | undefined {
  let statement = node;
  while (!ts.isSourceFile(statement) && !ts.isSourceFile(statement.parent)) statement = statement.parent;
  return ts.isSourceFile(statement) ? undefined : (statement as ts.Statement);
}

function isFollowed(statement: ts.Statement): boolean {
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return false;
  if (ts.isImportDeclaration(statement) || NOT_FOLLOWED.files.test(pathOf(statement))) return false;
  const names = ts.isVariableStatement(statement)
    ? statement.declarationList.declarations.map(({ name }) => name.getText())
    : [];
  return names.length === 0 || !names.every((name) => NOT_FOLLOWED.names.test(name));
}

function pathOf(statement: ts.Statement): string {
  return statement
    .getSourceFile()
    .fileName.replace(ROOT, '')
    .replace(/^.*\/node_modules\//, 'node_modules/');
}

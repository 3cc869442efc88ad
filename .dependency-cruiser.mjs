// Import rules: `npm run lint` runs dependency-cruiser with them.

/** The folders of shared/, lowest layer first. A folder imports only folders of lower layers. */
const LAYERS = [
  ['errors'],
  ['text', 'streams', 'signals', 'processes'],
  ['config'],
  ['log'],
  ['contracts'],
  ['events', 'storage', 'formats', 'databases'],
  ['gdal', 'postgis'],
  ['recipes', 'geoparquet', 'tables'],
  ['manifest'],
  ['ledger'],
  ['runtime'],
  ['landing', 'catalog'],
  ['assets'],
  ['run-control'],
  ['reconcile', 'api'],
];

const folders = (names) => `^shared/(${names.join('|')})/`;
const TESTS = '([.]test[.]ts$)|(^tests/)';

const layerRules = LAYERS.slice(0, -1).map((names, index) => ({
  name: `layer-${names.join('-')}`,
  severity: 'error',
  comment: `shared/${names.join(' and shared/')} may import lower layers only.`,
  from: { path: folders(names), pathNot: TESTS },
  to: { path: folders(LAYERS.slice(index + 1).flat()) },
}));

const siblingRules = LAYERS.filter((names) => names.length > 1).flatMap((names) =>
  names.map((name) => ({
    name: `layer-sibling-${name}`,
    severity: 'error',
    comment: 'Folders of one layer do not import each other.',
    from: { path: folders([name]), pathNot: TESTS },
    to: { path: folders(names.filter((other) => other !== name)) },
  })),
);

const FOLDERS = ['functions', 'shared', 'gateway', 'cli', 'docs', 'kustomize', 'templates', 'bench', 'tests'];

/** A rule: of FOLDERS, `from` imports only itself and `allowed`. */
function mayImport(from, allowed, pathNot = `^${from}/`) {
  const others = FOLDERS.filter((folder) => !allowed.includes(folder));
  return {
    name: `${from.split('/', 1)[0]}-imports-${['itself', ...allowed].join('-')}`,
    severity: 'error',
    from: { path: `^${from}/`, pathNot: TESTS },
    to: { path: `^(${others.join('|')})/`, pathNot },
  };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    mayImport('functions/([^/]+)', ['shared'], '^functions/$1/'),
    mayImport('shared', []),
    mayImport('gateway', ['shared']),
    mayImport('cli', ['shared', 'gateway']),
    mayImport('kustomize', ['shared', 'gateway', 'cli']),
    mayImport('templates', ['shared']),
    {
      name: 'dashboard-imports-types-of-the-api-only',
      severity: 'error',
      from: { path: '^dashboard/' },
      to: { path: '^(shared|functions|gateway|cli|tests|bench|docs)/', pathNot: '^shared/api/views[.]ts$' },
    },
    {
      name: 'dashboard-bundles-no-code-of-the-server',
      severity: 'error',
      from: { path: '^dashboard/' },
      to: { path: '^shared/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-the-dashboard',
      severity: 'error',
      from: { pathNot: '^dashboard/' },
      to: { path: '^dashboard/' },
    },
    {
      name: 'docs-imports-no-tests',
      severity: 'error',
      from: { path: '^docs/', pathNot: TESTS },
      to: { path: '^tests/' },
    },
    {
      name: 'shared-folder-has-a-layer',
      severity: 'error',
      comment: 'Add the folder to LAYERS in this file.',
      from: {},
      to: { path: '^shared/', pathNot: [folders(LAYERS.flat()), '^shared/[^/]+$'] },
    },
    ...layerRules,
    ...siblingRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] },
  },
};

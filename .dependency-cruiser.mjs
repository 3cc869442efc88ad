// Import rules: `npm run lint` runs dependency-cruiser with them.

/** The folders of shared/, lowest layer first. A folder imports only folders of lower layers. */
const LAYERS = [
  ['errors'],
  ['text', 'streams', 'signals', 'processes'],
  ['contracts'],
  ['config'],
  ['log'],
  ['tracing'],
  ['events', 'storage', 'formats', 'databases'],
  ['gdal', 'postgis'],
  ['recipes', 'geoparquet', 'tables'],
  ['manifest'],
  ['ledger'],
  ['runtime'],
  ['landing', 'catalog'],
  ['assets'],
  ['run-control'],
  ['reconcile'],
  ['api'],
];

/** The folders in the folders that are divided further, lowest layer first. They may import files beside them. */
const NESTED_LAYERS = {
  'shared/geoparquet': [['worker'], ['export']],
  'shared/recipes': [['sql'], ['parameters'], ['steps']],
  'shared/tables': [['infer'], ['rules']],
  'functions/export-cog': [['read'], ['plan'], ['check'], ['write']],
  'functions/export-parquet': [['workbook'], ['parse']],
  'functions/export-parquet/workbook': [['ods', 'xlsx']],
  'functions/join': [['import'], ['preview']],
  'functions/load-to-postgis': [
    ['staging'],
    ['readers'],
    ['guards', 'texts'],
    ['dbf', 'geojson', 'gml', 'gpx'],
    ['crs', 'csv', 'mapinfo'],
    ['load'],
  ],
};

const TESTS = '([.]test[.]ts$)|(^tests/)';

const foldersIn = (root, names) => `^${root}/(${names.join('|')})/`;

/** Rules: a folder of `root` imports no folder of a higher layer, and no other one of its own. */
function layerRules(root, layers) {
  return layers
    .flatMap((names, index) =>
      names.map((name) => ({
        name: `layer-${root}-${name}`.replaceAll('/', '-'),
        severity: 'error',
        comment: `${root}/${name} may import lower layers only.`,
        from: { path: foldersIn(root, [name]), pathNot: TESTS },
        to: { path: foldersIn(root, [...names.filter((other) => other !== name), ...layers.slice(index + 1).flat()]) },
      })),
    )
    .filter(({ to }) => !to.path.endsWith('/()/'));
}

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
      name: 'folder-has-a-layer',
      severity: 'error',
      comment: 'Add the folder to LAYERS or NESTED_LAYERS in this file.',
      from: {},
      to: {
        path: ['^shared/', '^functions/[^/]+/[^/]+/'],
        pathNot: [
          '^shared/[^/]+$',
          foldersIn('shared', LAYERS.flat()),
          ...Object.entries(NESTED_LAYERS).map(([root, layers]) => foldersIn(root, layers.flat())),
        ],
      },
    },
    ...layerRules('shared', LAYERS),
    ...Object.entries(NESTED_LAYERS).flatMap(([root, layers]) => layerRules(root, layers)),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] },
  },
};

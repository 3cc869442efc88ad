// Import rules: `npm run lint` runs dependency-cruiser with them.

/** The folders of shared/, lowest layer first. A folder imports only folders of lower layers. */
const LAYERS = [
  ['errors'],
  ['text', 'signals', 'processes'],
  ['config'],
  ['log'],
  ['contracts'],
  ['events', 'storage', 'formats', 'duckdb', 'postgres'],
  ['gdal', 'postgis'],
  ['recipes', 'parquet', 'delimited'],
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

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'functions-import-shared-only',
      severity: 'error',
      from: { path: '^functions/([^/]+)/', pathNot: TESTS },
      to: { path: '^(functions|gateway|cli|tests|bench|docs)/', pathNot: '^functions/$1/' },
    },
    {
      name: 'shared-is-below-everything',
      severity: 'error',
      from: { path: '^shared/', pathNot: TESTS },
      to: { path: '^(functions|gateway|cli|tests|bench|docs)/' },
    },
    {
      name: 'gateway-is-below-cli',
      severity: 'error',
      from: { path: '^gateway/', pathNot: TESTS },
      to: { path: '^(functions|cli|tests|bench|docs)/' },
    },
    {
      name: 'product-without-tests',
      severity: 'error',
      from: { path: '^(cli|docs)/', pathNot: TESTS },
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

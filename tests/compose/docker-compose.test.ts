import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { type PortName, parseStack, type StackFunction } from '#shared/config/stack.ts';
import { SECRETS } from '../../cli/compose/plan-secrets.ts';
import { connectionsOf } from '../../kustomize/generator/connections.ts';
import { GATEWAY_CORES } from '../../kustomize/generator/replicas.ts';
import { coresOf } from '../../kustomize/generator/function-pod.ts';

interface Service {
  image: string;
  command?: string[];
  build?: { dockerfile: string; args: Record<string, string> };
  environment?: Record<string, string>;
  volumes?: string[];
  tmpfs?: string[];
  networks?: string[] | Record<string, unknown>;
  network_mode?: string;
  ports?: string[];
  depends_on?: Record<string, { condition: string }>;
  profiles?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  cpus?: number;
  healthcheck?: unknown;
}
interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { services, networks, volumes } = parse(read('docker-compose.yaml'), { merge: true }) as Compose;
const { functions } = parseStack(read('stack.yml'));
/** With `${NAME:-default}` as it is, like the text of docker-compose.yaml. */
const declared = (parse(read('stack.yml'), { merge: true }) as { functions: Record<string, Service> }).functions;
const networksOf = ({ networks: own = [] }: Service) => (Array.isArray(own) ? own : Object.keys(own));

/** Servers of Compose have fixed addresses. */
const ADDRESSES = ['S3_ENDPOINT', 'SLUICE_URL', 'PUBLIC_URL'];
const SECRET_FOLDER = '/var/openfaas/secrets/';
const NETWORK_OF: Record<PortName, string | undefined> = {
  ledger: 'ledger',
  objects: 'objects',
  postgis: 'spatial',
  gdal: undefined,
};

test.each(functions.map((fn): [string, StackFunction] => [fn.name, fn]))(
  '%s has the environment, secrets and limits of stack.yml',
  (name, fn) => {
    const service = services[name] ?? expect.unreachable();
    const comparable = (all: Record<string, string>) =>
      Object.fromEntries(Object.entries(all).map(([key, value]) => [key, ADDRESSES.includes(key) ? 'address' : value]));
    const { CORES, ...environment } = service.environment ?? {};
    expect(comparable(environment)).toEqual(comparable(declared[name]?.environment ?? {}));
    // Node.js counts the processors of the host.
    expect(CORES).toBe(String(coresOf(fn)));
    const secrets = (service.volumes ?? []).filter((volume) => volume.includes(SECRET_FOLDER));
    expect(secrets.sort()).toEqual(fn.secrets.map((secret) => `${secret}:${SECRET_FOLDER}${secret}:ro`).sort());
    expect(service).toMatchObject({
      build: { dockerfile: `templates/${fn.lang}/Dockerfile`, args: { FUNCTION: name, HANDLER: `functions/${name}` } },
      mem_limit: fn.limits.memory?.replace('Mi', 'm').replace('Gi', 'g'),
      cpus: Number(fn.limits.cpu?.replace('m', '')) / 1000,
      read_only: fn.readonly_root_filesystem,
    });
    expect(service.image).toBe(`\${SLUICE_REGISTRY:-sluice}/${name}:\${SLUICE_VERSION:-latest}`);
  },
);

test.each(functions.map((fn): [string, StackFunction] => [fn.name, fn]))(
  '%s can reach only the servers that it needs, and starts after them',
  (name, fn) => {
    const service = services[name] ?? expect.unreachable();
    const needed = fn.needs.flatMap((port) => NETWORK_OF[port] ?? []);
    expect(networksOf(service).sort()).toEqual(['calls', ...needed].sort());
    const before = { ledger: 'mongodb-setup', objects: 'storage-setup', spatial: 'postgis' } as Record<string, string>;
    expect(Object.keys(service.depends_on ?? {}).sort()).toEqual(needed.map((network) => before[network]).sort());
  },
);

test('PostGIS accepts the connections of all calls at the same time', () => {
  for (const name of ['gateway', 'dev'])
    expect([name, services[name]?.environment?.CORES]).toEqual([name, `\${CORES:-${GATEWAY_CORES}}`]);
  // The overlay has two gateways and two replicas of each function, so it is an upper bound.
  const plain = connectionsOf({ functions }).find(({ overlay }) => overlay === 'plain') ?? expect.unreachable();
  const limit = /max_connections=(\d+)/.exec(services.postgis?.command?.join(' ') ?? '')?.[1];
  expect(Number(limit)).toBeGreaterThan(plain.postgis);
});

test('every container is restricted, limited, and writes only to volumes and tmpfs', () => {
  for (const [name, service] of Object.entries(services)) {
    expect([name, service.read_only, service.cap_drop, service.security_opt]).toEqual([
      name,
      true,
      ['ALL'],
      ['no-new-privileges:true'],
    ]);
    expect([name, service.mem_limit]).toEqual([name, expect.stringMatching(/^\d+[mg]$/)]);
    for (const mount of service.tmpfs ?? []) expect([name, mount]).toEqual([name, expect.stringContaining('size=')]);
  }
});

test('ports are open on this machine only, and the servers are in internal networks', () => {
  for (const [name, service] of Object.entries(services)) {
    for (const port of service.ports ?? [])
      expect([name, port]).toEqual([name, expect.stringMatching(/^127\.0\.0\.1:/)]);
    const isPublished = (service.ports ?? []).length > 0;
    expect([name, networksOf(service).includes('outside')]).toEqual([name, isPublished]);
  }
  const open = Object.keys(networks).filter((name) => networks[name]?.internal !== true);
  expect(open).toEqual(['outside']);
  const members = (network: string) =>
    Object.keys(services).filter((name) => networksOf(services[name]!).includes(network));
  expect(members('control')).toEqual(['control', 'gateway', 'dev']);
});

test('every server starts after the secrets were checked', () => {
  const startsAfter = (name: string): boolean =>
    name === 'secrets' || Object.keys(services[name]?.depends_on ?? {}).some(startsAfter);
  const others = Object.keys(services).filter((name) => !startsAfter(name));
  // The command line is started beside a running Sluice.
  expect(others).toEqual(['cli']);
  expect(Object.keys(services.secrets?.environment ?? {})).toEqual(expect.arrayContaining([...SECRETS]));
});

test('every process that checks secrets receives SLUICE_ENV', () => {
  for (const name of ['storage-setup', 'gateway', 'dev'])
    expect([name, services[name]?.environment?.SLUICE_ENV]).toEqual([name, '${SLUICE_ENV:-development}']);
  // It decides whether an installation without SLUICE_ENV is for development, before the others start.
  expect(services.secrets?.environment).toMatchObject({ SLUICE_ENV: '${SLUICE_ENV:-}', PUBLIC_URL: '${PUBLIC_URL:-}' });
});

test('every volume that is used is declared', () => {
  const used = Object.values(services).flatMap((service) =>
    (service.volumes ?? []).map((volume) => volume.split(':', 1)[0] ?? '').filter((name) => !name.startsWith('.')),
  );
  expect([...new Set(used)].sort()).toEqual(Object.keys(volumes).sort());
});

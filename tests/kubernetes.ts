import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa, type ResultPromise } from 'execa';

/** The reason that skipped tests print. */
export const NEEDS_KUBERNETES = 'needs etcd, kube-apiserver and kubectl on the PATH (.ci/kubernetes.sh)';

/** Several times the longest start that was measured on a busy machine. */
const START_TIMEOUT_MS = 120_000;
const PROBE_EVERY_MS = 200;

/** A Kubernetes API server without controllers: objects are checked and stored, and nothing is started. */
export interface ApiServer {
  /** Calls kubectl with this server. Rejects with its output. */
  kubectl(args: string[], input?: string): Promise<{ stdout: string; stderr: string }>;
  stop(): Promise<void>;
}

export async function hasKubernetes(): Promise<boolean> {
  const checks = [
    ['etcd', '--version'],
    ['kube-apiserver', '--version'],
    ['kubectl', 'version', '--client'],
  ].map(async ([program = '', ...args]) => (await execa(program, args, { reject: false })).exitCode === 0);
  return (await Promise.all(checks)).every(Boolean);
}

/** Starts etcd and the API server on free ports, in a temporary folder. */
export async function startApiServer(): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'));
  const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const options = { stdio: 'ignore', reject: false, forceKillAfterDelay: 5_000 } as const;
  const etcd = execa('etcd', etcdArguments(folder, etcdPort, peerPort), options);
  const kubeconfig = writeCredentials(folder, port);
  const server = execa('kube-apiserver', serverArguments(folder, etcdPort, port), options);
  const call = async (args: string[], input?: string) =>
    execa('kubectl', ['--kubeconfig', kubeconfig, ...args], input === undefined ? { stdin: 'ignore' } : { input });
  const stop = async () => {
    for (const program of [server, etcd]) {
      program.kill();
      await program;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(call, server);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { kubectl: call, stop };
}

async function untilReady(call: ApiServer['kubectl'], server: ResultPromise): Promise<void> {
  const ended = server.then(() => 'ended' as const);
  const probe = () =>
    call(['get', '--raw', '/readyz']).then(
      () => 'ready' as const,
      () => wait(PROBE_EVERY_MS),
    );
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const state = await Promise.race([probe(), ended]);
    if (state === 'ready') return;
    assert(state !== 'ended', 'kube-apiserver ended during its start.');
    assert(Date.now() < deadline, 'kube-apiserver did not become ready.');
  }
}

function etcdArguments(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  return [
    ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
  ];
}

function serverArguments(folder: string, etcdPort: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`],
    ...[`--cert-dir=${join(folder, 'certificates')}`, `--token-auth-file=${join(folder, 'tokens.csv')}`],
    ...['--service-account-issuer=https://kubernetes.default.svc', '--authorization-mode=RBAC'],
    ...[`--service-account-key-file=${join(folder, 'key.pem')}`],
    ...[`--service-account-signing-key-file=${join(folder, 'key.pem')}`],
    ...['--service-cluster-ip-range=10.96.0.0/16', '--endpoint-reconciler-type=none'],
    // No controller creates service accounts.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

/** Writes the key of service accounts, the token of an administrator, and a configuration of kubectl with it. */
function writeCredentials(folder: string, port: number): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const token = randomBytes(16).toString('hex');
  writeFileSync(join(folder, 'tokens.csv'), `${token},admin,1,"system:masters"\n`);
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return kubeconfig;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

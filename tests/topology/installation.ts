import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { type OpenContext, openContext } from '#shared/runtime/make-context.ts';
import type { Batch } from '../faults/batches.ts';
import { uploadBatch } from '../faults/batches.ts';
import { Gate } from '../fixtures/gate-in-transform.ts';
import { endTransactions, mongoDatabase } from '../mongodb.ts';
import { controlVariables, createDatabase, startObjectStore, STORE_KEY_VARIABLES, testEnv } from '../servers.ts';
import { FunctionFront } from './function-front.ts';
import { Program } from './program.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** The functions of the lanes `vector` and `tabular`, and those of every run. */
const FUNCTIONS = [
  'validate-manifest',
  'load-to-postgis',
  'transform-recipe',
  'export-geoparquet',
  'export-parquet',
  'record-lineage',
  'archive',
  'fail-run',
  'monitor-runs',
] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

const TOKEN = 'token-of-the-topology';
export const RUN_TIMEOUT_MS = 90_000;
const FUNCTION_STARTED = 'Function:Start:Done';
const GATEWAY_STARTED = 'Sluice:Start:Done';

/**
 * Sluice as on a cluster: each function is a process with an HTTP server, and two gateways share the queue. The ledger
 * is in MongoDB if there is a server. The gateways reach the control database through `control`.
 */
export class Installation {
  readonly context: OpenContext;
  readonly front: FunctionFront;
  readonly control: TcpProxy;
  readonly gate: Gate;
  readonly gateways: Program[] = [];
  readonly functions = new Map<FunctionName, Program>();
  /** Every program that was started. */
  readonly #programs: Program[] = [];
  readonly #variables: Record<string, string>;
  readonly #gatewayUrls: (string | undefined)[] = [];
  readonly #closing: (() => Promise<unknown>)[];

  private constructor(
    parts: Pick<Installation, 'context' | 'front' | 'control' | 'gate'>,
    variables: Record<string, string>,
    closing: (() => Promise<unknown>)[],
  ) {
    this.context = parts.context;
    this.front = parts.front;
    this.control = parts.control;
    this.gate = parts.gate;
    this.#variables = variables;
    this.#closing = closing;
  }

  static async start(): Promise<Installation> {
    const [control, spatial, store] = await Promise.all([
      createDatabase(),
      createDatabase({ postgis: true }),
      startObjectStore(),
    ]);
    const home = mkdtempSync(join(tmpdir(), 'sluice-topology-'));
    const variables: Record<string, string> = {
      SLUICE_HOME: home,
      SCRATCH_DIR: join(home, 'scratch'),
      ...controlVariables(control.url, mongoDatabase() === undefined ? undefined : 'mongodb'),
      POSTGIS_URL: spatial.url,
      S3_ENDPOINT: store.endpoint,
      ...STORE_KEY_VARIABLES,
      WEBHOOK_TOKEN: TOKEN,
      // Several times the delays of 11 processes on a machine with 2 processors, so that no claim is taken over.
      CLAIM_LEASE_SECONDS: '15',
      SLUICE_ENV: 'development',
    };
    const front = await FunctionFront.start();
    variables.SLUICE_URL = front.url;
    const gate = await Gate.build(spatial.url);
    const context = await openContext(testEnv(variables), SILENT_LOG);
    const proxy = await TcpProxy.start({ path: partsOf(control.url).path });
    const closing = [
      () => gate.remove(),
      () => proxy.close(),
      () => front.close(),
      async () => context[Symbol.asyncDispose](),
      () => store.stop(),
      () => Promise.all([control.drop(), spatial.drop()]),
      () => rm(home, { recursive: true, force: true }),
    ];
    const installation = new Installation({ context, front, control: proxy, gate }, variables, closing);
    await Promise.all(FUNCTIONS.map((name) => installation.startFunction(name)));
    await Promise.all([installation.startGateway(0), installation.startGateway(1)]);
    return installation;
  }

  /** Starts the process of a function, or another one that receives its calls from now on. */
  async startFunction(name: FunctionName, variables: Record<string, string> = {}): Promise<Program> {
    const program = new Program(['shared/runtime/function-process.ts', name], { ...this.#variables, ...variables });
    this.#programs.push(program);
    const { port } = await program.start(FUNCTION_STARTED);
    this.front.ports.set(name, port as number);
    this.functions.set(name, program);
    return program;
  }

  async startGateway(index: 0 | 1): Promise<void> {
    const program = new Program(['gateway/container.ts'], {
      ...this.#variables,
      SLUICE_HOME: join(this.#variables.SLUICE_HOME!, `gateway-${index}`),
      CONTROL_DATABASE_URL: throughProxy(this.#variables.CONTROL_DATABASE_URL!, this.control),
      LEDGER_URL: this.#variables.LEDGER_URL ?? this.#variables.CONTROL_DATABASE_URL!,
      FUNCTION_URL: `${this.front.url}/{name}`,
    });
    this.#programs.push(program);
    this.gateways[index] = program;
    const { url } = await program.start(GATEWAY_STARTED);
    this.#gatewayUrls[index] = url as string;
    this.front.ports.set('events', Number(new URL(url as string).port));
  }

  /** A proxy to MongoDB, and the variables of a function that uses it. */
  async proxyToLedger(): Promise<{ network: TcpProxy; variables: Record<string, string> }> {
    const url = new URL(this.#variables.LEDGER_URL!);
    const network = await TcpProxy.start({ host: url.hostname, port: Number(url.port) });
    this.#closing.unshift(() => network.close());
    url.port = String(network.port);
    return { network, variables: { LEDGER_URL: url.href } };
  }

  /** Kills a process. The tests do not wait until MongoDB ends its transactions. */
  async kill(program: Program | undefined): Promise<void> {
    await program?.end('SIGKILL');
    if (mongoDatabase() !== undefined) await endTransactions();
  }

  /** Uploads a batch, and sends the notification of its manifest to both gateways, as MinIO does. */
  async upload(batch: Batch, batchId: string): Promise<void> {
    const key = await uploadBatch(batch, batchId, batchId, this.context);
    await this.notify(key);
  }

  async notify(key: string): Promise<void> {
    const s3 = {
      bucket: { name: this.context.env.LANDING_BUCKET },
      object: { key: encodeURIComponent(key), eTag: key },
    };
    const body = JSON.stringify({ Records: [{ eventName: 's3:ObjectCreated:Put', s3 }] });
    const replies = await Promise.allSettled(
      this.#gatewayUrls.map((url) =>
        fetch(`${url}/webhooks/minio`, { method: 'POST', body, headers: { authorization: `Bearer ${TOKEN}` } }),
      ),
    );
    const isStored = replies.some((reply) => reply.status === 'fulfilled' && reply.value.ok);
    assert(isStored, `No gateway stored the notification of ${key}.`);
  }

  /** What `/healthz` of each gateway returns. */
  health(): Promise<unknown[]> {
    return Promise.all(
      this.#gatewayUrls.map(async (url) => (await fetch(`${url}/healthz`)).json() as Promise<unknown>),
    );
  }

  async runOf(batchId: string): Promise<RunDocument | undefined> {
    const [run, ...others] = await this.context.ledger.listRuns({ batch_id: batchId });
    assert(others.length === 0, `The batch ${batchId} has several runs.`);
    return run;
  }

  /** The archived run of the batch. */
  async ended(batchId: string): Promise<RunDocument> {
    let run: RunDocument | undefined;
    await vi.waitUntil(
      async () => {
        run = await this.runOf(batchId);
        return run !== undefined && isArchived(run);
      },
      { timeout: RUN_TIMEOUT_MS, interval: 50 },
    );
    return run!;
  }

  /** The number of deliveries that each gateway completed. */
  async deliveries(): Promise<number[]> {
    return Promise.all(
      this.#gatewayUrls.map(async (url) => {
        const metrics = await (await fetch(`${url}/metrics`)).text();
        const counts = metrics.matchAll(/^sluice_deliveries_total\{[^}]*outcome="done"[^}]*\} (\d+)/gm);
        return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
      }),
    );
  }

  /** Everything that must be gone when no run is active. */
  async leftovers(): Promise<Record<string, unknown[]>> {
    const { objects, postgis, env } = this.context;
    const manifests = [];
    for await (const { key } of objects.list(env.LANDING_BUCKET, 'manifests/')) manifests.push(key);
    const letters = (await (await fetch(`${this.#gatewayUrls[0]}/api/dead-letters`)).json()) as unknown[];
    return {
      schemas: await postgis.listRunSchemas(),
      scratch: readdirSync(env.SCRATCH_DIR ?? ''),
      manifests,
      letters,
    };
  }

  async stop(): Promise<void> {
    this.control.open();
    await Promise.all(this.#programs.map((program) => program.end('SIGKILL')));
    for (const close of this.#closing) await close();
  }
}

/** The parts of a URL of the test cluster, whose host is the folder of a socket. */
function partsOf(url: string): { user: string; database: string; path: string } {
  const [, user = '', database = '', query = ''] = /\/\/([^@]*)@\/([^?]*)\?(.*)/.exec(url) ?? [];
  const options = new URLSearchParams(query);
  return { user, database, path: join(options.get('host') ?? '', `.s.PGSQL.${options.get('port')}`) };
}

function throughProxy(url: string, proxy: TcpProxy): string {
  const { user, database } = partsOf(url);
  return `postgresql://${user}@127.0.0.1:${proxy.port}/${database}`;
}

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import { hasImage } from '../../templates/base-image.ts';
import { freePort, hasOptions, type MongoOptions, type OwnMongo, waitUntilReady } from './server.ts';

/** The image of the tests of MongoDB, which do not download it. */
export const MONGO_IMAGE = process.env.MONGO_IMAGE ?? 'mongo:8';
/** The port of mongod in the container. */
const PORT = 27_017;

export interface MongoContainer extends OwnMongo {
  /** Id of the container. */
  id: string;
}

/**
 * Starts MONGO_IMAGE in a container. Undefined when no Docker engine answers, when the engine does not have the image,
 * or when the server does not have the options. Throws when the image does not start, not even on a second port.
 */
export async function startContainer(options: MongoOptions): Promise<MongoContainer | undefined> {
  if (!(await hasImage(MONGO_IMAGE))) return undefined;
  return tryStart(options).catch((first: unknown) => {
    console.warn(`The image ${MONGO_IMAGE} did not start, and is tried again: ${String(first)}`);
    return tryStart(options).catch((cause: unknown) =>
      assert.fail(`The image ${MONGO_IMAGE} did not start: ${String(cause)}`),
    );
  });
}

/** Leaves no container behind, unless it returns one. */
async function tryStart(options: MongoOptions): Promise<MongoContainer | undefined> {
  const name = `sluice-test-${randomUUID()}`;
  let server: MongoContainer | undefined;
  try {
    const started = await start(name, options);
    if (await hasOptions(started.url, options)) server = started;
  } finally {
    // By name, because the container can exist although its start failed.
    if (server === undefined) await execa('docker', ['rm', '--force', '--volumes', name], { reject: false });
  }
  return server;
}

async function start(name: string, { standalone, testCommands }: MongoOptions): Promise<MongoContainer> {
  // Loaded only when an engine has the image, because loading it takes time.
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const container = await new GenericContainer(MONGO_IMAGE)
    .withName(name)
    .withCommand([
      ...['mongod', '--bind_ip_all'],
      ...(testCommands ? ['--setParameter', 'enableTestCommands=1'] : []),
      ...(standalone ? [] : ['--replSet', 'rs0']),
    ])
    // The engine would choose another port after a restart.
    .withExposedPorts({ container: PORT, host: await freePort() })
    .withWaitStrategy(Wait.forListeningPorts())
    // The tests remove the container. The program that would remove it is another image, to be downloaded.
    .withAutoCleanup(false)
    .start();
  const server = (await getContainerRuntimeClient()).container.getById(container.getId());
  const url = `mongodb://${container.getHost()}:${container.getMappedPort(PORT)}/?directConnection=true`;
  const ready = () =>
    waitUntilReady(url, { member: standalone ? undefined : `127.0.0.1:${PORT}`, ended: () => undefined });
  await ready();
  return {
    id: container.getId(),
    name: `the image ${MONGO_IMAGE} in a container`,
    url,
    kill: async () => {
      await server.kill();
      await server.wait();
    },
    restart: async () => {
      await server.start();
      await ready();
    },
    stop: async () => {
      await server.remove({ force: true, v: true });
    },
  };
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Opener } from './opened-ledger.ts';

/** A database of an implementation, and what the tests read and change below the port. */
export interface StartedDatabase {
  /** How a process opens the ledger in this database. */
  opener: Opener;
  /** Everything that the set-up creates: tables or collections, indexes, rules of documents, and the stated format. */
  definitions(): Promise<unknown>;
  /** Changes the database to one that an older release set up. */
  makeOld(): Promise<void>;
  drop(): Promise<void>;
}

const PROCESSES = 8;

/** Starts of several operating-system processes at the same time. `create` returns a new, empty database. */
export function startContract(create: () => Promise<StartedDatabase>): void {
  describe(`${PROCESSES} processes that start at the same time`, () => {
    let database: StartedDatabase;
    beforeAll(async () => {
      database = await create();
    });
    afterAll(() => database.drop());

    test('set up an empty database, and upgrade the one of an older release, once', async () => {
      expect(await startProcesses(database.opener)).toEqual(Array.from({ length: PROCESSES }, () => 'opened'));
      const created = await database.definitions();
      await database.makeOld();
      expect(await database.definitions()).not.toEqual(created);
      expect(await startProcesses(database.opener)).toEqual(Array.from({ length: PROCESSES }, () => 'opened'));
      expect(await database.definitions()).toEqual(created);
    });
  });
}

/** The result of each process. All have loaded their modules before the first one opens the ledger. */
async function startProcesses(opener: Opener): Promise<unknown[]> {
  const children = Array.from({ length: PROCESSES }, () =>
    fork(new URL('starter.ts', import.meta.url), [JSON.stringify(opener)]),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  return Promise.all(
    children.map(async (child) => {
      const replied = once(child, 'message');
      const ended = once(child, 'exit');
      child.send('open');
      const [reply] = (await replied) as unknown[];
      await ended;
      return reply;
    }),
  );
}

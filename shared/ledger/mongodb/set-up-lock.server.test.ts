import { type Collection, type Db, MongoClient, ObjectId } from 'mongodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { mongoDatabase, NEEDS_MONGODB } from '../../../tests/mongodb.ts';
import { withSetUpLock } from './set-up-lock.ts';

interface Lock {
  _id: string;
  holder: ObjectId;
  until: Date;
}

const server = mongoDatabase();

describe.skipIf(server === undefined)(server ? 'the lock on the set-up of the ledger' : NEEDS_MONGODB, () => {
  let client: MongoClient;
  let db: Db;
  let locks: Collection<Lock>;
  beforeAll(() => {
    client = new MongoClient(server ?? '', { monitorCommands: true });
    db = client.db();
  });
  afterAll(() => client.close());
  beforeEach((context) => {
    locks = db.collection(context.task.id);
  });
  afterEach(() => vi.useRealTimers());

  const OTHER = new ObjectId();
  const inAnHour = () => new Date(Date.now() + 3_600_000);

  test('is taken over when it has expired, and is free after the work', async () => {
    await locks.insertOne({ _id: 'lock', holder: OTHER, until: new Date(0) });
    let held: Lock | null = null;
    await withSetUpLock(db, locks.collectionName, async (assertHeld) => {
      await assertHeld();
      held = await locks.findOne();
    });
    expect(held).toMatchObject({ _id: 'lock', until: expect.any(Date) as Date });
    expect((held as Lock | null)?.holder.equals(OTHER)).toBe(false);
    expect(await locks.find().toArray()).toEqual([]);
  });

  test('is held by one process; a second one waits', async () => {
    const order: string[] = [];
    let second: Promise<void> | undefined;
    let attempts = 0;
    client.on('commandSucceeded', ({ commandName }) => {
      if (commandName === 'findAndModify') attempts += 1;
    });
    await withSetUpLock(db, locks.collectionName, async () => {
      const before = attempts;
      second = withSetUpLock(db, locks.collectionName, async () => {
        order.push('second');
        return Promise.resolve();
      });
      await vi.waitUntil(() => attempts >= before + 3, { timeout: 30_000 });
      order.push('first');
    });
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(await locks.find().toArray()).toEqual([]);
  });

  test('that another process has taken over fails the next change, and stays with that process', async () => {
    const work = withSetUpLock(db, locks.collectionName, async (assertHeld) => {
      await locks.updateOne({}, { $set: { holder: OTHER, until: inAnHour() } });
      await assertHeld();
    });
    await expect(work).rejects.toMatchObject({ code: 'SETUP_FAILED' });
    expect(await locks.find().toArray()).toMatchObject([{ holder: OTHER }]);
  });

  test('that another process has taken over and released is not taken again', async () => {
    const work = withSetUpLock(db, locks.collectionName, async (assertHeld) => {
      await locks.deleteMany();
      await assertHeld();
    });
    await expect(work).rejects.toMatchObject({ code: 'SETUP_FAILED' });
    expect(await locks.find().toArray()).toEqual([]);
  });

  test('is free after the work when renewals are under way', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const renewed = vi.fn();
    client.on('commandSucceeded', ({ commandName }) => {
      if (commandName === 'update') renewed();
    });
    await withSetUpLock(db, locks.collectionName, () => {
      vi.advanceTimersByTime(30_000);
      return Promise.resolve();
    });
    expect(renewed).toHaveBeenCalledTimes(6);
    expect(await locks.find().toArray()).toEqual([]);
  });
});

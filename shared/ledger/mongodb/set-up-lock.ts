import { setTimeout as wait } from 'node:timers/promises';
import { type Db, ObjectId } from 'mongodb';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDuplicate } from './database.ts';
import { iso, literal, NOW } from './expressions.ts';

/** A process that ended during the set-up delays the next one by at most this time. */
const LEASE_MS = 20_000;
const RENEW_EVERY_MS = 5_000;
const RETRY_EVERY_MS = 100;
/** Longer than a migration of a large ledger. */
const MAX_WAIT_MS = 10 * 60_000;
const LOCK_ID = 'lock';
/** The end of a lease that begins now. */
const UNTIL = { $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: LEASE_MS } };

interface Lock {
  _id: typeof LOCK_ID;
  holder: ObjectId;
  until: Date;
}

/**
 * Runs `work` while no other process does. The lock is a lease in the collection, because MongoDB has no locks of
 * sessions. The holder renews it, and calls `assertHeld` before each change. Throws SETUP_FAILED when another process
 * holds the lock for MAX_WAIT_MS, or when this process was suspended for longer than the lease.
 */
export async function withSetUpLock(
  db: Db,
  collection: string,
  work: (assertHeld: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const locks = db.collection<Lock>(collection);
  const holder = new ObjectId();
  const take = async () => {
    try {
      const lock = await locks.findOneAndUpdate({ _id: LOCK_ID }, takenBy(holder), {
        upsert: true,
        returnDocument: 'after',
      });
      return lock?.holder.equals(holder) ?? false;
    } catch (thrown) {
      if (isDuplicate(thrown)) return false; // Another process inserted the document meanwhile.
      throw thrown;
    }
  };
  const renew = async () =>
    (await locks.updateOne({ _id: LOCK_ID, holder }, [{ $set: { until: UNTIL } }])).matchedCount;
  await acquire(take);
  let renewed: Promise<unknown> = Promise.resolve();
  const renewal = setInterval(() => {
    renewed = renewed.then(renew).catch(() => undefined);
  }, RENEW_EVERY_MS);
  try {
    await work(async () => {
      if ((await renew()) === 0) throw failed('was suspended during the set-up of the ledger');
    });
  } finally {
    clearInterval(renewal);
    await renewed;
    await locks.deleteOne({ _id: LOCK_ID, holder }).catch(() => undefined); // The lease expires.
  }
}

async function acquire(take: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + MAX_WAIT_MS;
  while (!(await take())) {
    if (Date.now() > deadline)
      throw failed(`waited ${MAX_WAIT_MS / 60_000} minutes for another process that sets up the ledger`);
    await wait(RETRY_EVERY_MS);
  }
}

/** An update that acquires the lock if it is free or expired; otherwise it changes nothing. */
function takenBy(holder: ObjectId) {
  // Times are compared as texts, as those of claims: substitutes for MongoDB compare dates wrongly.
  const isFree = {
    $or: [{ $eq: [{ $ifNull: ['$holder', holder] }, holder] }, { $lte: [iso('$until'), NOW] }],
  };
  return [
    {
      $set: {
        holder: { $cond: [isFree, literal(holder), '$holder'] },
        until: { $cond: [isFree, UNTIL, '$until'] },
      },
    },
  ];
}

function failed(what: string): SluiceError {
  return new SluiceError('SETUP_FAILED', `Sluice ${what}. Start it again.`);
}

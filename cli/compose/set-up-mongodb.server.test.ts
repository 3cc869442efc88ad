import { MongoClient } from 'mongodb';
import { expect, inject, test } from 'vitest';
import { NEEDS_MONGODB } from '../../tests/mongodb.ts';
import { setUpMongo } from './set-up-mongodb.ts';

const server = inject('mongoUrl');
const hostOf = (url: string) => new URL(url).host;

test.skipIf(server === undefined)(
  `sets up the user of the ledger, and a repeat sets its password (${NEEDS_MONGODB})`,
  async () => {
    const url = server ?? '';
    const client = new MongoClient(url);
    const { setName } = await client.db('admin').command({ hello: 1 });
    const user = `ledger é ${process.pid}`;
    for (const password of ['first+/@', 'second:%']) {
      const login = [user, password].map(encodeURIComponent).join(':');
      const ledgerUrl = `mongodb://${login}@${hostOf(url)}/ledger?authSource=admin&directConnection=true`;
      expect(await setUpMongo(url, ledgerUrl)).toBe(`MongoDB is the replica set ${setName} with the user ${user}.`);
      const ledger = new MongoClient(ledgerUrl);
      expect(await ledger.db().command({ ping: 1 })).toMatchObject({ ok: 1 });
      await ledger.close();
    }
    const { users } = await client.db('admin').command({ usersInfo: user });
    expect(users).toMatchObject([
      {
        user,
        roles: [
          { role: 'readWrite', db: 'ledger' },
          { role: 'dbAdmin', db: 'ledger' },
        ],
      },
    ]);
    await client.db('admin').command({ dropUser: user });
    await client.close();
  },
);

test.skipIf(server === undefined)(`names the password that MongoDB rejects (${NEEDS_MONGODB})`, async () => {
  const { host } = new URL(server ?? '');
  const wrong = `mongodb://nobody:wrong@${host}/admin?directConnection=true`;
  await expect(setUpMongo(wrong, 'mongodb://sluice:x@mongodb/sluice')).rejects.toMatchObject({
    code: 'SETUP_FAILED',
    message:
      'MongoDB rejected MONGO_ROOT_PASSWORD. The first start sets this password; set the same value again. If the ' +
      'first start was interrupted, see "Failures" in docs/compose.md.',
  });
});

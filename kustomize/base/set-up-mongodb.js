// Executed by mongosh in the Job set-up. A repeat changes only the password of the user.
if (!db.hello().setName) rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'mongodb-0.mongodb.sluice.svc:27017' }] });
while (!db.hello().isWritablePrimary) sleep(500);
const account = {
  pwd: process.env.PASSWORD,
  roles: [
    { role: 'readWrite', db: 'sluice' },
    { role: 'dbAdmin', db: 'sluice' },
  ],
};
if (db.getUser('sluice')) db.updateUser('sluice', account);
else db.createUser({ user: 'sluice', ...account });
print('The replica set and the user of the ledger are set up.');

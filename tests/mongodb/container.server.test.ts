import { execa } from 'execa';
import { type Collection, MongoClient, type MongoClientOptions } from 'mongodb';
import { expect, test } from 'vitest';
import { hasImage } from '../../templates/base-image.ts';
import { MONGO_IMAGE, startContainer } from './container.ts';

test.skipIf(!(await hasImage(MONGO_IMAGE)))(`a container of MONGO_IMAGE (needs ${MONGO_IMAGE})`, async () => {
  const server = (await startContainer({ standalone: false, testCommands: false }))!;
  const containers = async () =>
    (await execa('docker', ['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${server.id}`])).stdout
      .split('\n')
      .filter(Boolean);
  try {
    await withDocuments(server.url, async (documents) => {
      await documents.insertOne({ _id: 1 }, { writeConcern: { w: 'majority', journal: true } });
    });
    await server.kill();
    const found = withDocuments(server.url, (documents) => documents.findOne(), { serverSelectionTimeoutMS: 1_000 });
    await expect(found).rejects.toThrow();
    await server.restart();
    await withDocuments(server.url, async (documents) => {
      expect(await documents.find().toArray()).toEqual([{ _id: 1 }]);
    });
    expect(await containers()).toEqual([server.id]);
  } finally {
    await server.stop();
  }
  expect(await containers()).toEqual([]);
});

type Documents = Collection<{ _id: number }>;
async function withDocuments(
  url: string,
  work: (documents: Documents) => Promise<unknown>,
  options: MongoClientOptions = {},
): Promise<void> {
  const client = new MongoClient(url, options);
  try {
    await work(client.db('container').collection('documents'));
  } finally {
    await client.close();
  }
}

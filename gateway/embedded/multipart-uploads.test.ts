import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CompleteMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { type KoaContext, s3Error } from './s3rver.ts';
import { keepAliveWhileWriting } from './multipart-uploads.ts';

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const RESULT = `${DECLARATION}<CompleteMultipartUploadResult><ETag>"größe"</ETag></CompleteMultipartUploadResult>`;

/** A store that completes an upload only when three spaces were sent, and then ends with `complete`. */
async function startStore(complete: (context: KoaContext) => void) {
  const answer = keepAliveWhileWriting(1);
  const server = createServer((req, res) => {
    const context: KoaContext = { req: req.resume(), res, status: 404 };
    let sent = '';
    const write = res.write.bind(res) as (text: string) => boolean;
    const threeSpaces = new Promise<void>((resolve) => {
      res.write = (text: unknown) => {
        sent += String(text);
        if (sent === `${DECLARATION}   `) resolve();
        return write(String(text));
      };
    });
    const koa = async () => {
      await threeSpaces;
      complete(context);
    };
    void answer(context, koa);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  onTestFinished(() => {
    s3.destroy();
    server.close();
  });
  return () => s3.send(new CompleteMultipartUploadCommand({ Bucket: 'b', Key: 'k', UploadId: '1' }));
}

test('spaces are sent while an upload is completed, and then the result', async () => {
  const send = await startStore((context) => {
    context.body = RESULT;
  });
  expect(await send()).toMatchObject({ ETag: '"größe"' });
});

test('an error after the first space is received as an error', async () => {
  const send = await startStore(() => {
    throw s3Error(507, 'InsufficientStorage', 'The disk of the object store is full.');
  });
  await expect(send()).rejects.toMatchObject({ name: 'InsufficientStorage' });
});

import { expect, test, vi } from 'vitest';
import type { FileGroup } from '../../../shared/api/views.ts';
import { draftOf } from './draft.ts';
import type { LocalFile } from './local-files.ts';
import type { SendOptions, StoredFile } from './send-file.ts';
import { UploadStore } from './upload-store.ts';
import { inspectionOf } from './use-inspections.ts';

const file = (path: string, content = 'abc'): LocalFile => ({ path, file: new File([content], path) });

/** A store whose transfers end when the test requests it. */
function createStore() {
  const sent: { key: string; options: SendOptions; succeed: () => void; fail: (error: Error) => void }[] = [];
  const store = new UploadStore(
    (key, _, options) =>
      new Promise<StoredFile>((resolve, reject) => {
        options.signal.addEventListener('abort', () => reject(options.signal.reason as Error));
        const stored = { path: `s3://landing-zone/${key}`, key, size_bytes: 3 };
        sent.push({ key, options, succeed: () => resolve(stored), fail: reject });
      }),
  );
  const states = () => Object.entries(store.snapshot().transfers).map(([path, { state }]) => `${path} ${state}`);
  return { store, sent, states };
}

test('files are sent one after the other, into one folder', async () => {
  const { store, sent, states } = createStore();
  store.addFiles([file('a b/ü.shp'), file('a b/ü.dbf')]);
  expect(states()).toEqual([]);
  store.upload(['a b/ü.shp', 'a b/ü.dbf']);
  expect(states()).toEqual(['a b/ü.shp sending', 'a b/ü.dbf waiting']);
  sent[0]!.options.onProgress(2);
  expect(store.snapshot().transfers['a b/ü.shp']?.sent).toBe(2);
  sent[0]!.succeed();
  await vi.waitFor(() => expect(states()).toEqual(['a b/ü.shp stored', 'a b/ü.dbf sending']));
  const folders = sent.map(({ key }) => key.split('/').slice(0, 2).join('/'));
  expect(folders[0]).toMatch(/^uploads\/\d{8}T\d{6}-[0-9a-f]{8}$/);
  expect(folders[1]).toBe(folders[0]);
  expect(store.snapshot().transfers['a b/ü.shp']?.storedAt).toBe(`s3://landing-zone/${sent[0]!.key}`);
});

test('a failed file does not stop the others, and only a retry repeats it', async () => {
  const { store, sent, states } = createStore();
  store.addFiles([file('a'), file('b')]);
  store.upload(['a', 'b']);
  sent[0]!.fail(new Error('lost'));
  await vi.waitFor(() => expect(states()).toEqual(['a failed', 'b sending']));
  store.upload(['a', 'b']);
  expect(states()).toEqual(['a failed', 'b sending']);
  store.retry(['a', 'b']);
  expect(states()).toEqual(['a waiting', 'b sending']);
  sent[1]!.succeed();
  await vi.waitFor(() => expect(states()).toEqual(['a sending', 'b stored']));
});

test('the removal of a file cancels its transfer, and the next one begins', async () => {
  const { store, sent, states } = createStore();
  store.addFiles([file('a'), file('b')]);
  store.upload(['a', 'b']);
  store.removeFiles(['a']);
  expect(sent[0]!.options.signal.aborted).toBe(true);
  await vi.waitFor(() => expect(states()).toEqual(['b sending']));
  expect(store.snapshot().files.map(({ path }) => path)).toEqual(['b']);
});

test('a file that is chosen again replaces the earlier one', async () => {
  const { store, sent, states } = createStore();
  store.addFiles([file('a')]);
  store.upload(['a']);
  store.addFiles([file('a', 'changed')]);
  expect(store.snapshot().files.map(({ file: { size } }) => size)).toEqual([7]);
  expect(states()).toEqual([]);
  store.upload(['a']);
  await vi.waitFor(() => expect(sent).toHaveLength(2));
});

test('the inspection of a dataset is repeated when one of its files is replaced', async () => {
  const { store, sent } = createStore();
  const parts = ['ü.shp', 'ü.dbf'];
  const group: FileGroup = { path: 'ü.shp', format: 'ESRI Shapefile', type: 'vector', parts, problem: null };
  const send = async (path: string) => {
    store.addFiles([file(path)]);
    store.upload([path]);
    await vi.waitFor(() => expect(store.snapshot().transfers[path]?.state).toBe('sending'));
    sent.at(-1)!.succeed();
    await vi.waitFor(() => expect(store.snapshot().transfers[path]?.state).toBe('stored'));
  };
  const inspection = () => inspectionOf(group, store.snapshot(), draftOf([group], store.snapshot(), 'ü'));
  for (const path of parts) await send(path);
  const first = inspection();
  expect(first.request.file).toMatchObject({ format: 'ESRI Shapefile' });
  await send('ü.dbf');
  expect(inspection().request).toEqual(first.request);
  expect(inspection().queryKey).not.toEqual(first.queryKey);
  expect(inspection().queryKey).toEqual(inspection().queryKey);
});

test('after a start, the next files get another folder', async () => {
  const { store, sent } = createStore();
  for (const path of ['a', 'b']) {
    store.addFiles([file(path)]);
    store.upload([path]);
    await vi.waitFor(() => expect(sent.some(({ key }) => key.endsWith(`/${path}`))).toBe(true));
    store.clear();
  }
  expect(store.snapshot()).toEqual({ files: [], transfers: {}, options: {}, form: {} });
  expect(sent[0]!.key.split('/')[1]).not.toBe(sent[1]!.key.split('/')[1]);
});

test('an empty option is left out', () => {
  const { store } = createStore();
  store.setOptions('a', { crs: 'EPSG:25832', layer: 'x' });
  store.setOptions('a', { layer: '' });
  expect(store.snapshot().options).toEqual({ a: { crs: 'EPSG:25832' } });
});

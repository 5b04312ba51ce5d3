import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { fileStoreContract } from './file-store.ts';

fileStoreContract('local', async (t) => new LocalFileStore(temporaryDirectory(t)));

async function closedFile(root: string, signal: AbortSignal) {
  const store = new LocalFileStore(root);
  const staged = await store.stage({ temporary: '_millrace/tmp/a/1.part', final: 'data/1.json' }, signal);
  await staged.write(Buffer.from('content'), signal);
  const file = await staged.seal(signal);
  await staged.close(signal);
  return { store, file };
}

test('local: a file that was copied with its folder is known by its content', async (t) => {
  const root = temporaryDirectory(t);
  const { store, file } = await closedFile(root, t.signal);
  await store.discard(file.temporary, t.signal);
  mkdirSync(path.join(root, 'data'));
  writeFileSync(path.join(root, file.final), 'content');
  assert.deepEqual(await store.finish([file], t.signal), []);
  writeFileSync(path.join(root, file.final), 'c0ntent');
  await assert.rejects(store.finish([{ ...file, storeId: '0:0' }], t.signal), { code: 'FILES_PATH_OCCUPIED' });
});

test('local: a crash between link and unlink is completed', async (t) => {
  const root = temporaryDirectory(t);
  const { store, file } = await closedFile(root, t.signal);
  mkdirSync(path.join(root, 'data'));
  linkSync(path.join(root, file.temporary), path.join(root, file.final));
  assert.deepEqual(await store.finish([file], t.signal), []);
  assert.deepEqual(await store.list('_millrace/tmp/a', t.signal), []);
});

test('local: a publication linked but not answered is won by its repeat, and can not be taken back', async (t) => {
  const root = temporaryDirectory(t);
  const store = new LocalFileStore(root);
  const publications = ['1', '2'].map((n) => ({ temporary: `_millrace/tmp/a/${n}`, name: `_millrace/commits/${n}` }));
  for (const file of publications) {
    await store.prepare(file, Buffer.from('x'), t.signal);
    linkSync(path.join(root, file.temporary), path.join(root, file.name));
  }
  const [repeated, undecided] = publications;
  assert.ok(repeated && undecided);
  assert.equal(await store.publishIfAbsent(repeated, t.signal), 'won');
  assert.equal(await store.withdraw(undecided, t.signal), false);
});

test('local: a file that lost bytes behind its back is not closed', async (t) => {
  const root = temporaryDirectory(t);
  const store = new LocalFileStore(root);
  const staged = await store.stage({ temporary: '_millrace/tmp/a/1.part', final: 'data/1.json' }, t.signal);
  await staged.write(Buffer.from('content'), t.signal);
  const { temporary } = await staged.seal(t.signal);
  writeFileSync(path.join(root, temporary), 'cont');
  await assert.rejects(staged.close(t.signal), { code: 'FILES_LENGTH_MISMATCH', decision: 'retry' });
  await staged.discard();
});

test('local: a folder that is not one stops', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(path.join(root, 'file'), '');
  renameSync(path.join(root, 'file'), path.join(root, '_millrace'));
  const store = new LocalFileStore(root);
  await assert.rejects(store.stage({ temporary: '_millrace/tmp/1.part', final: '1.json' }, t.signal), {
    decision: 'stop',
  });
});

test('local: where no folder can be made, it stops', {
  skip: process.platform !== 'linux' && 'there is no /proc',
  timeout: 20_000,
}, async (t) => {
  const store = new LocalFileStore('/proc/nope');
  await assert.rejects(store.stage({ temporary: '_millrace/tmp/1.part', final: '1.json' }, t.signal), {
    code: 'FILES_NOT_PERMITTED',
  });
});

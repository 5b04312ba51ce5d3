import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { FileStore, SealedFile } from '../../src/sinks/files/stores/file-store.ts';
import { readWhole } from '../../src/sinks/files/stores/file-store.ts';
import { until } from '../support/until.ts';

const WRITERS = 50;
const MAX_BYTES = 1 << 20;
/** Far less than any server leaves an idle connection alone. */
const CLOSED_MS = 2_000;
/** Where Node tells of each connection that is made. */
const CONNECTIONS = 'net.client.socket';

/** The suite that every store of files passes. `make` gives one over an empty root; undefined if its engine can't run and the test was skipped. */
export function fileStoreContract(name: string, make: (t: TestContext) => Promise<FileStore | undefined>): void {
  const contract = (what: string, run: (store: FileStore, signal: AbortSignal) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const store = await make(t);
      if (!store) return;
      t.after(() => store.close());
      await store.open(t.signal);
      await run(store, t.signal);
    });

  async function closed(
    store: FileStore,
    name: string,
    content: string,
    signal: AbortSignal,
    final = `data/${name}.json`,
  ): Promise<SealedFile> {
    const paths = { temporary: `_millrace/tmp/a/${name}.part`, final };
    const staged = await store.stage(paths, signal);
    await staged.write(Buffer.from(content), signal);
    const file = await staged.seal(signal);
    await staged.close(signal);
    assert.deepEqual([file.temporary, file.final], [paths.temporary, paths.final]);
    await store.makeDirectories(['data'], signal);
    return file;
  }

  async function namesIn(store: FileStore, directory: string, signal: AbortSignal): Promise<string[]> {
    return (await store.list(directory, signal)).map((entry) => entry.name).sort();
  }

  const textOf = async (store: FileStore, path: string, signal: AbortSignal) =>
    (await readWhole(store, path, MAX_BYTES, signal)).toString();

  contract('a file appears at its final path only when it is finished, and whole', async (store, signal) => {
    const file = await closed(store, 'one', 'hello', signal);
    assert.equal(file.length, 5);
    assert.deepEqual(await namesIn(store, 'data', signal), []);
    assert.deepEqual(await store.finish([file], signal), []);
    assert.equal(await textOf(store, file.final, signal), 'hello');
    assert.deepEqual(await namesIn(store, '_millrace/tmp/a', signal), []);
  });

  contract('finishing is the same every time, and for all who do it at once', async (store, signal) => {
    const files = await Promise.all(['one', 'two', 'three'].map((name) => closed(store, name, name, signal)));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.finish(files, signal)));
    assert.deepEqual(outcomes.flat(), []);
    assert.deepEqual(await store.finish(files, signal), []);
    assert.deepEqual(await namesIn(store, 'data', signal), ['one.json', 'three.json', 'two.json']);
    for (const name of ['one', 'two', 'three']) assert.equal(await textOf(store, `data/${name}.json`, signal), name);
  });

  contract('finishing what was discarded says so, and makes nothing', async (store, signal) => {
    const [kept, gone] = [await closed(store, 'kept', 'k', signal), await closed(store, 'gone', 'g', signal)];
    assert.equal(await store.discard(gone.temporary, signal), true);
    assert.equal(await store.discard(gone.temporary, signal), false);
    assert.deepEqual(await store.finish([gone, kept], signal), [gone]);
    assert.deepEqual(await namesIn(store, 'data', signal), ['kept.json']);
  });

  contract('finishing never overwrites something else', async (store, signal) => {
    const mine = await closed(store, 'one', 'mine', signal);
    const other = await closed(store, 'other', 'other', signal, mine.final);
    await store.finish([other], signal);
    await assert.rejects(store.finish([mine], signal), { code: 'FILES_PATH_OCCUPIED' });
    assert.equal(await textOf(store, mine.final, signal), 'other');
  });

  contract('a discarded staged file leaves nothing', async (store, signal) => {
    const staged = await store.stage({ temporary: '_millrace/tmp/a/x.part', final: 'data/x' }, signal);
    await staged.write(Buffer.from('half'), signal);
    await staged.discard();
    await staged.discard();
    assert.deepEqual(await namesIn(store, '_millrace/tmp/a', signal), []);
  });

  contract('a temporary path is not used twice', async (store, signal) => {
    await closed(store, 'one', 'first', signal);
    await assert.rejects(closed(store, 'one', 'second', signal));
  });

  contract(`of ${WRITERS} who publish at once exactly one wins, whole`, async (store, signal) => {
    for (let round = 0; round < 5; round++) {
      const name = `_millrace/commits/a/${round}`;
      const files = Array.from({ length: WRITERS }, (_, i) => ({ temporary: `_millrace/tmp/${round}-${i}/m`, name }));
      await Promise.all(files.map((file, i) => store.prepare(file, Buffer.from(`writer ${i}`), signal)));
      const outcomes = await Promise.all(files.map((file) => store.publishIfAbsent(file, signal)));
      const winners = outcomes.flatMap((outcome, i) => (outcome === 'won' ? [i] : []));
      assert.equal(winners.length, 1);
      assert.equal(await textOf(store, name, signal), `writer ${winners[0]}`);
      assert.ok((await namesIn(store, '_millrace/commits/a', signal)).includes(String(round)));
    }
  });

  contract('a publication taken back never happens', async (store, signal) => {
    const file = { temporary: '_millrace/tmp/a/m', name: '_millrace/commits/a/0' };
    await store.prepare(file, Buffer.from('x'), signal);
    if (!(await store.withdraw(file, signal))) return;
    await assert.rejects(store.publishIfAbsent(file, signal), { code: 'FILES_GONE' });
    assert.deepEqual(await namesIn(store, '_millrace/commits/a', signal), []);
  });

  contract('what was published can not be taken back', async (store, signal) => {
    const file = { temporary: '_millrace/tmp/a/m', name: '_millrace/commits/a/0' };
    await store.prepare(file, Buffer.from('x'), signal);
    assert.equal(await store.publishIfAbsent(file, signal), 'won');
    assert.equal(await store.withdraw(file, signal), false);
    assert.equal(await textOf(store, file.name, signal), 'x');
  });

  contract('of those who publish and those who take back, the outcomes agree', async (store, signal) => {
    for (let round = 0; round < 30; round++) {
      const file = { temporary: `_millrace/tmp/a/${round}`, name: `_millrace/commits/a/${round}` };
      await store.prepare(file, Buffer.from('x'), signal);
      const [, withdrawn] = await Promise.all([
        store.publishIfAbsent(file, signal).catch(() => undefined),
        store.withdraw(file, signal),
      ]);
      if (!withdrawn) continue;
      assert.ok(!(await namesIn(store, '_millrace/commits/a', signal)).includes(String(round)));
    }
  });

  contract(
    'a missing file is gone, a missing folder is empty, and removing either is nothing',
    async (store, signal) => {
      await assert.rejects(readWhole(store, 'nothing', MAX_BYTES, signal), { code: 'FILES_GONE' });
      assert.deepEqual(await store.list('nothing', signal), []);
      await store.remove('nothing', signal);
    },
  );

  contract('a removed folder takes all that is in it', async (store, signal) => {
    await closed(store, 'one', '1', signal);
    await store.remove('_millrace/tmp/a', signal);
    assert.deepEqual(await namesIn(store, '_millrace/tmp/a', signal), []);
  });

  contract('no path leads out of the root', async (store, signal) => {
    await assert.rejects(store.list('../..', signal));
    await assert.rejects(store.stage({ temporary: 'a/../../b', final: 'b' }, signal));
    await assert.rejects(store.stage({ temporary: 'a/b', final: 'a/../../b' }, signal));
    await assert.rejects(store.remove('..', signal));
  });

  test(`${name}: a closed store keeps no connection, and closing it again is nothing`, async (t) => {
    const store = await make(t);
    if (!store) return;
    const connections: Socket[] = [];
    const collect = (message: unknown) => connections.push((message as { socket: Socket }).socket);
    subscribe(CONNECTIONS, collect);
    t.after(() => unsubscribe(CONNECTIONS, collect));
    await store.open(t.signal);
    await store.list('', t.signal);
    await store.close();
    await store.close();
    await until('its connections have ended', () => connections.every(({ destroyed }) => destroyed), CLOSED_MS);
  });

  contract('an aborted signal starts nothing', async (store, signal) => {
    const paths = { temporary: '_millrace/tmp/a/x.part', final: 'data/x' };
    await assert.rejects(store.stage(paths, AbortSignal.abort()), { name: 'AbortError' });
    assert.deepEqual(await namesIn(store, '_millrace/tmp/a', signal), []);
  });
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { FileStore, Joining } from '../../src/sinks/files/stores/file-store.ts';
import { readWhole } from '../../src/sinks/files/stores/file-store.ts';

const MAX_BYTES = 1 << 20;
/** As data files have them, and worse: what a request must not take for its own. */
const NAME = `type=%2C %+&_${'x'.repeat(150)}`;
const FOLDER = 'hour=03 & more';
/** With such names more than go into one request. */
const SOURCES = 40;
const JOINERS = 8;

/** The suite that every store passes that can join files. `make` gives one over an empty root; undefined if the test was skipped. */
export function joiningContract(name: string, make: (t: TestContext) => Promise<FileStore | undefined>): void {
  const contract = (what: string, run: (files: Files, joining: Joining, signal: AbortSignal) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const store = await make(t);
      if (!store) return;
      t.after(() => store.close());
      await store.open(t.signal);
      await run(new Files(store, t.signal), store.joining!, t.signal);
    });

  contract('sources are joined to the target in order, and are gone', async (files, joining, signal) => {
    const [target = '', ...sources] = await files.make(SOURCES + 1);
    await joining.join(target, sources, signal);
    assert.equal(await files.text(target), Array.from({ length: SOURCES + 1 }, (_, i) => `${i}\n`).join(''));
    assert.deepEqual(await files.names(), [target]);
  });

  contract(
    'a joined file is known by the id that it had before, also under a new name',
    async (files, joining, signal) => {
      const [head = '', ...sources] = await files.make(3);
      const storeId = await joining.headOf([head, ...sources], signal);
      assert.ok(storeId);
      const file = { temporary: head, final: `${head}.joined`, length: 6, checksum: 0, storeId };
      assert.deepEqual(await files.store.finish([file], signal), []);
      await joining.join(file.final, sources, signal);
      assert.deepEqual(await files.store.finish([file], signal), []);
      assert.equal(await joining.headOf([file.final], signal), storeId);
      assert.equal(await files.text(file.final), '0\n1\n2\n');
    },
  );

  contract('joining is the same every time, and for all who do it at once', async (files, joining, signal) => {
    const [target = '', ...sources] = await files.make(SOURCES + 1);
    await joining.join(target, sources.slice(0, 2), signal);
    await Promise.all(Array.from({ length: JOINERS }, () => joining.join(target, sources, signal)));
    await joining.join(target, sources, signal);
    const lines = (await files.text(target)).trimEnd().split('\n').map(Number);
    assert.deepEqual(
      lines.sort((a, b) => a - b),
      Array.from({ length: SOURCES + 1 }, (_, i) => i),
    );
    assert.deepEqual(await files.names(), [target]);
  });

  contract('nothing is joined to what is not there', async (files, joining, signal) => {
    const [target = '', ...sources] = await files.make(3);
    await files.store.remove(target, signal);
    await assert.rejects(joining.join(target, sources, signal), { code: 'FILES_GONE' });
    await assert.rejects(joining.headOf([target, ...sources], signal), { code: 'FILES_GONE' });
    assert.deepEqual(await files.names(), sources);
  });

  contract('an empty file is known to be refused', async (files, joining, signal) => {
    const all = [...(await files.make(1)), await files.write('empty', '')];
    assert.equal(await joining.headOf(all, signal), undefined);
  });
}

/** The files of one folder. */
class Files {
  readonly store: FileStore;
  readonly #signal: AbortSignal;

  constructor(store: FileStore, signal: AbortSignal) {
    this.store = store;
    this.#signal = signal;
  }

  /** Each with its number as a line. */
  make(count: number): Promise<string[]> {
    return Promise.all(
      Array.from({ length: count }, (_, i) => this.write(`${NAME}-${String(i).padStart(3, '0')}`, `${i}\n`)),
    );
  }

  async write(name: string, content: string): Promise<string> {
    const paths = { temporary: `_millrace/tmp/a/${name}`, final: `${FOLDER}/${name}` };
    const staged = await this.store.stage(paths, this.#signal);
    if (content !== '') await staged.write(Buffer.from(content), this.#signal);
    const sealed = await staged.seal(this.#signal);
    await staged.close(this.#signal);
    await this.store.makeDirectories([FOLDER], this.#signal);
    await this.store.finish([sealed], this.#signal);
    return paths.final;
  }

  async names(): Promise<string[]> {
    return (await this.store.list(FOLDER, this.#signal)).map(({ name }) => `${FOLDER}/${name}`).sort();
  }

  async text(path: string): Promise<string> {
    return (await readWhole(this.store, path, MAX_BYTES, this.#signal)).toString();
  }
}

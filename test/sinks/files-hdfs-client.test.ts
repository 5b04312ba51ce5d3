/** Requests of the WebHDFS client that change a file that stands, on a real HDFS. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { WebHdfs } from '../../src/sinks/files/stores/hdfs/webhdfs.ts';
import type { Hdfs } from '../engines/hdfs.ts';
import { hdfsTest } from '../engines/hdfs-test.ts';
import { until } from '../support/until.ts';

const BLOCK_BYTES = 1 << 20;
const DEADLINE_MS = 30_000;

class Folder {
  readonly client: WebHdfs;
  readonly path: string;
  readonly #t: TestContext;

  private constructor(t: TestContext, hdfs: Hdfs, path: string) {
    this.#t = t;
    this.path = path;
    this.client = this.#clientOf(hdfs, {});
    t.after(() => this.client.close());
  }

  /** Right after the start a DataNode may be known before its disk is. */
  static async make(t: TestContext, hdfs: Hdfs, path: string): Promise<Folder> {
    const folder = new Folder(t, hdfs, path);
    await until('HDFS takes a file', () => folder.write('first', 'x').catch(() => undefined));
    await folder.client.remove(`${path}/first`, t.signal);
    return folder;
  }

  #clientOf({ url, user }: Hdfs, given: { readonly blockSize?: number }): WebHdfs {
    return new WebHdfs({ namenodes: [url], user, headers: {}, deadline: DEADLINE_MS, ...given });
  }

  async write(name: string, content: string, client = this.client): Promise<string> {
    const path = `${this.path}/${name}`;
    const file = await client.create(path, this.#t.signal);
    await file.write(Buffer.from(content), this.#t.signal);
    await file.end(this.#t.signal);
    return path;
  }

  async writeWithBlocks(hdfs: Hdfs, name: string, blockSize: number): Promise<string> {
    const client = this.#clientOf(hdfs, { blockSize });
    this.#t.after(() => client.close());
    return this.write(name, 'x', client);
  }

  async text(path: string): Promise<string> {
    return Buffer.concat(await Array.fromAsync(this.client.read(path, this.#t.signal))).toString();
  }
}

hdfsTest('CONCAT joins all or none', async (hdfs, t) => {
  const folder = await Folder.make(t, hdfs, `/concat-${process.pid}`);
  const [a, b, c] = [await folder.write('a', '1\n'), await folder.write('b', '2\n'), await folder.write('c', '3\n')];
  const before = await folder.client.status(a, t.signal);
  assert.equal(await folder.client.concat(a, [b, `${folder.path}/none`, c], t.signal), 'gone');
  assert.equal(await folder.client.concat(`${folder.path}/none`, [b], t.signal), 'gone');
  assert.equal(await folder.text(a), '1\n');
  assert.equal(await folder.client.concat(a, [b, c], t.signal), 'done');
  assert.equal(await folder.text(a), '1\n2\n3\n');
  assert.equal((await folder.client.status(a, t.signal))?.fileId, before?.fileId);
  assert.equal(await folder.client.concat(a, [b, c], t.signal), 'gone');
  assert.deepEqual(
    (await folder.client.list(folder.path, t.signal)).map(({ name }) => name),
    ['a'],
  );
});

hdfsTest('what CONCAT refuses is told at once, and changes nothing', async (hdfs, t) => {
  const folder = await Folder.make(t, hdfs, `/refused-${process.pid}`);
  const elsewhere = await Folder.make(t, hdfs, `/elsewhere-${process.pid}`);
  const small = await folder.writeWithBlocks(hdfs, 'small', BLOCK_BYTES);
  const large = await folder.writeWithBlocks(hdfs, 'large', 2 * BLOCK_BYTES);
  const other = await folder.writeWithBlocks(hdfs, 'other', BLOCK_BYTES);
  assert.equal((await folder.client.status(large, t.signal))?.blockSize, 2 * BLOCK_BYTES);
  const cases = [
    [large, /preferred block size/],
    [await folder.write('empty', ''), /empty/],
    [await elsewhere.write('a', 'x'), /same directory/],
    [small, /same/],
  ] as const;
  for (const [source, message] of cases) {
    const joining = folder.client.concat(small, [other, source], t.signal);
    await assert.rejects(joining, { code: 'FILES_HDFS_REFUSED', message });
  }
  await hdfs.admin('-allowSnapshot', folder.path);
  await hdfs.shell('-createSnapshot', folder.path, 'kept');
  const joining = folder.client.concat(small, [other], t.signal);
  await assert.rejects(joining, { code: 'FILES_HDFS_REFUSED', message: /snapshot/ });
  await hdfs.shell('-deleteSnapshot', folder.path, 'kept');
  assert.equal(await folder.client.concat(small, [other], t.signal), 'done');
  assert.equal(await folder.text(small), 'xx');
});

hdfsTest('APPEND goes on behind what is there', async (hdfs, t) => {
  const folder = await Folder.make(t, hdfs, `/append-${process.pid}`);
  const path = await folder.write('a', 'one\n');
  const file = await folder.client.append(path, t.signal);
  await file.write(Buffer.from('two\n'), t.signal);
  await file.write(Buffer.from('three\n'), t.signal);
  await file.end(t.signal);
  assert.equal(await folder.text(path), 'one\ntwo\nthree\n');
  const nowhere = async () => (await folder.client.append(`${folder.path}/none`, t.signal)).end(t.signal);
  await assert.rejects(nowhere(), { code: 'FILES_GONE' });
});

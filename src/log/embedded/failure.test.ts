import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { EMBEDDED_DEFAULTS } from '../../../test/support/embedded-log.ts';
import { temporaryDirectory } from '../../../test/support/temporary.ts';
import { until } from '../../../test/support/until.ts';
import type { EmbeddedLog } from './open.ts';
import { openEmbeddedLog } from './open.ts';

const MIB = 1024 * 1024;
const WRITER = path.join(import.meta.dirname, '../../../test/support/log-writer.ts');
const TO = { topic: 'events', partition: 0 };

/** Appends batches until one is refused; says how many records were taken and why no more. */
async function appendUntilRefused(log: EmbeddedLog): Promise<{ taken: number; code: string | undefined }> {
  const producer = log.producer();
  const value = new Uint8Array(64 * 1024);
  for (let taken = 0; ; taken++) {
    try {
      await producer.send(TO, [{ timestamp: 1, value }]);
    } catch (error) {
      return { taken, code: (error as { code?: string }).code };
    }
  }
}

test('without disk space records are refused, none is lost, and all goes on when there is space again', async (t) => {
  const directory = temporaryDirectory(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'millrace-test', directory]);
  if (mounted.status !== 0) {
    t.skip('NOT TESTED: filling a disk needs the right to mount one');
    return;
  }
  try {
    await fillDisk(directory);
  } finally {
    spawnSync('umount', [directory]);
  }
});

async function fillDisk(directory: string): Promise<void> {
  const filler = path.join(directory, 'filler');
  writeFileSync(filler, new Uint8Array(4 * MIB));
  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  try {
    await log.admin.createTopic(TO.topic, { partitions: 1 });
    const first = await appendUntilRefused(log);
    assert.equal(first.code, 'LOG_FULL');
    assert.ok(first.taken > 10, `${first.taken} records were taken`);
    assert.equal((await appendUntilRefused(log)).code, 'LOG_FULL');
    rmSync(filler);
    const second = await appendUntilRefused(log);
    assert.ok(second.taken > 10, `${second.taken} more records were taken`);
    const [bounds] = await log.admin.offsets(TO.topic);
    assert.equal(bounds?.endOffset, first.taken + second.taken);
    const { records } = await log.read({ ...TO, offset: 0 }, { maxBytes: 64 * MIB });
    assert.equal(records.length, bounds?.endOffset);
  } finally {
    await log.close();
  }
}

test('a write that fails ends the log at once; what was acknowledged is there when it is opened again', async (t) => {
  const directory = temporaryDirectory(t);
  // A limit on the size of files makes the system refuse writes for another reason than space.
  const limited = 'ulimit -f 20000; exec "$0" "$@"';
  const writer = spawn('sh', ['-c', limited, process.execPath, WRITER, directory, '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => writer.kill('SIGKILL'));
  const lines: string[] = [];
  const isEnd = (line: string) => line.startsWith('failed') || line.startsWith('rejected');
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(line);
    if (lines.filter(isEnd).length === 2) writer.kill('SIGKILL');
  }
  if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
  assert.deepEqual(lines.filter(isEnd).toSorted(), ['failed LOG_FAILED', 'rejected LOG_FAILED']);

  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  t.after(() => log.close());
  const acknowledged = lines.filter((line) => /^\d/.test(line));
  assert.ok(acknowledged.length > 10, `${acknowledged.length} batches were acknowledged`);
  for (const line of acknowledged) {
    const [partition, offset, number] = line.split(' ').map(Number) as [number, number, number];
    const { records } = await log.read({ topic: TO.topic, partition, offset }, { maxBytes: 1 });
    assert.equal(Buffer.from(records[0]!.value).toString(), `${number}:0`);
  }
});

test('when the thread of the log dies, whoever uses the log hears of it, and it can be opened again', async (t) => {
  const directory = temporaryDirectory(t);
  const failures: unknown[] = [];
  const onFailure = (error: Error) => failures.push((error as { code?: string }).code);
  const log = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS, onFailure });
  await log.admin.createTopic(TO.topic, { partitions: 1 });
  await log.producer().send(TO, [{ timestamp: 1, value: Buffer.from('kept') }]);
  const consumer = log.consumer('group', ['another']);
  await consumer.subscribe({
    assigned: async () => undefined,
    revoked: async () => undefined,
    lost: () => undefined,
  });
  const polled = assert.rejects(consumer.poll({ maxWaitMs: 60_000 }), { code: 'LOG_FAILED', decision: 'stop' });
  // Nothing that the thread could take: stands for any mistake that ends it.
  log.share().port.postMessage(null);
  await polled;
  await until('the opener has heard of it', () => failures.length > 0);
  assert.deepEqual(failures, ['LOG_FAILED']);
  await assert.rejects(log.producer().send(TO, [{ timestamp: 1, value: Buffer.from('late') }]), { code: 'LOG_FAILED' });
  await assert.rejects(log.read({ ...TO, offset: 0 }), { code: 'LOG_FAILED' });
  await log.close();

  const again = await openEmbeddedLog({ directory, ...EMBEDDED_DEFAULTS });
  t.after(() => again.close());
  assert.equal((await again.read({ ...TO, offset: 0 })).records.length, 1);
});

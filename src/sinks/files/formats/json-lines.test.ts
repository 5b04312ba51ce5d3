import assert from 'node:assert/strict';
import test from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { StagedMemory } from '../../../../test/support/staged-memory.ts';
import { DataFile } from '../data-file.ts';
import { JsonLines, PIECE_BYTES } from './json-lines.ts';

const DECOMPRESS = {
  none: (content: Buffer) => content,
  gzip: (content: Buffer) => gunzipSync(content),
  zstd: (content: Buffer) => zstdDecompressSync(content),
} as const;

test('any JSON objects of any length are the lines of a file, in any compression', async (t) => {
  const padding = fc.constantFrom(0, 0, 0, 1_000, PIECE_BYTES / 2, PIECE_BYTES - 12, PIECE_BYTES, 3 * PIECE_BYTES);
  const event = fc.record({ event: fc.dictionary(fc.string(), fc.jsonValue()), padding });
  const compressions = fc.constantFrom('none', 'gzip', 'zstd');
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), compressions, async (events, compression) => {
      const format = new JsonLines(compression);
      // Twice, since the second file works in the memory of the first.
      for (let round = 0; round < 2; round++) {
        const staged = new StagedMemory();
        const file = new DataFile(staged, format.encoder());
        const lines = events.map(({ event, padding }) => JSON.stringify({ ...event, padding: 'x'.repeat(padding) }));
        let taken = 0;
        for (const [offset, line] of lines.entries()) {
          const value = Buffer.from(line);
          assert.ok(format.accepts(value));
          if (!file.tryAppend(value, offset + 5)) await file.append(value, offset + 5, t.signal);
          // The caller's memory is its own again.
          value.fill(0);
          taken += value.length + 1;
          if (compression === 'none') assert.equal(file.bytes, taken);
        }
        const { records, first, last } = await file.seal(t.signal);
        assert.deepEqual(
          [records, first, last],
          lines.length === 0 ? [0, -1, -1] : [lines.length, 5, lines.length + 4],
        );
        const content = DECOMPRESS[compression](staged.content).toString();
        assert.equal(content, lines.map((line) => `${line}\n`).join(''));
      }
    }),
    { numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { elementsOfArray, extentOfValue, lines } from './scan.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('finds the depth and the end of any value', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const bytes = Buffer.from(text);
      const extent = extentOfValue(bytes, 0, bytes.length);
      assert.deepEqual(extent, { start: 0, end: bytes.length, depth: depthOf(JSON.parse(text)), closed: true });
    }),
  );
});

test('takes any array apart into its elements', () => {
  const space = fc.constantFrom('', ' ', '\n', '\t\r\n ');
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), space, (values, gap) => {
      const texts = values.map((value) => JSON.stringify(value));
      const bytes = Buffer.from(`[${gap}${texts.join(`${gap},${gap}`)}${gap}]${gap}`);
      const found = elementsOfArray(bytes, 0, bytes.length, values.length);
      assert.equal(found?.truncated, false);
      assert.deepEqual(
        found?.elements.map(({ start, end }) => JSON.parse(bytes.toString('utf8', start, end))),
        texts.map((text) => JSON.parse(text)),
      );
    }),
  );
});

test('finds in any bytes only what lies within them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const all = [
        extentOfValue(bytes, 0, bytes.length),
        ...(elementsOfArray(bytes, 0, bytes.length, 10)?.elements ?? []),
        ...lines(bytes, 10).elements,
      ];
      for (const { start, end } of all) assert.ok(start <= end && end <= bytes.length);
    }),
  );
});

test('never sees less depth than a parser that gets through', () => {
  const soup = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ':', '1', 'a'), maxLength: 60 });
  fc.assert(
    fc.property(soup, (text) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      const bytes = Buffer.from(text);
      assert.equal(extentOfValue(bytes, 0, bytes.length).depth, depthOf(value));
    }),
    { numRuns: 2000 },
  );
});

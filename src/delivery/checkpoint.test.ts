import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readCheckpoint, recover, writeCheckpoint } from './checkpoint.ts';
import { Ledger, NOTHING } from './ledger.ts';

const holds = ({ accepted, delivered, buffered, spooled, deadLettered, dropped }: Ledger['totals']) =>
  accepted === delivered + buffered + spooled + deadLettered + Object.values(dropped).reduce((a, b) => a + b, 0);

const step = fc.oneof(
  fc.record({ kind: fc.constant('accept' as const), events: fc.integer({ min: 1, max: 200 }) }),
  fc.record({
    kind: fc.constantFrom('deliver', 'spool', 'replay', 'refuse', 'drop', 'checkpoint', 'crash', 'stop'),
    events: fc.integer({ min: 1, max: 200 }),
  }),
);

test('over any number of crashes the identity holds, and what was lost is at most what is said', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      /** What really happened, which nobody but this test sees. */
      const truth = { spooled: 0, lost: 0 };
      let written: Checkpoint = { version: 1, totals: NOTHING, ceiling: 0, clean: true };
      let ledger = new Ledger();
      const write = (accepted: number) => {
        const ceiling = accepted + 50;
        written = { version: 1, totals: ledger.totals, ceiling, clean: false };
        ledger.keepBelow(ceiling, write);
        return ceiling;
      };
      const start = () => {
        ledger = new Ledger();
        ledger.restore(recover(written, truth.spooled));
        write(ledger.accepted);
      };
      start();
      for (const { kind, events } of steps) {
        const from = (place: 'buffered' | 'spooled') => Math.min(events, ledger.in(place));
        if (kind === 'accept') ledger.accept(events);
        else if (kind === 'deliver') ledger.move('buffered', 'delivered', from('buffered'));
        else if (kind === 'refuse') ledger.move('buffered', 'deadLettered', from('buffered'));
        else if (kind === 'drop') ledger.drop('buffered', 'stop', from('buffered'));
        else if (kind === 'spool') {
          truth.spooled += from('buffered');
          ledger.move('buffered', 'spooled', from('buffered'));
        } else if (kind === 'replay') {
          truth.spooled -= from('spooled');
          ledger.move('spooled', 'delivered', from('spooled'));
        } else if (kind === 'checkpoint') write(ledger.accepted);
        else {
          if (kind === 'stop') {
            ledger.drop('buffered', 'stop', ledger.in('buffered'));
            written = { version: 1, totals: ledger.totals, ceiling: ledger.accepted, clean: true };
          }
          truth.lost += ledger.in('buffered');
          start();
        }
        assert.ok(holds(ledger.totals));
        assert.equal(ledger.in('spooled'), truth.spooled);
        assert.ok((ledger.totals.dropped['crash'] ?? 0) >= truth.lost);
        assert.ok(ledger.accepted <= written.ceiling);
      }
    }),
  );
});

test('an end in order leaves nothing uncertain', () => {
  const totals = { ...NOTHING, accepted: 10, delivered: 7, spooled: 3 };
  assert.deepEqual(recover({ version: 1, totals, ceiling: 10, clean: true }, 3), totals);
});

test('a checkpoint is read back, and one that is damaged is none', (t) => {
  const file = path.join(temporaryDirectory(t), 'ledger.json');
  assert.equal(readCheckpoint(file), undefined);
  const checkpoint = { version: 1, totals: NOTHING, ceiling: 5, clean: false } as const;
  writeCheckpoint(file, checkpoint);
  assert.deepEqual(readCheckpoint(file), checkpoint);
  writeCheckpoint(file, { ...checkpoint, version: 2 as 1 });
  assert.equal(readCheckpoint(file), undefined);
});

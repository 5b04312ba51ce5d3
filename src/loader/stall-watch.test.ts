import assert from 'node:assert/strict';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import type { Admin } from '../log/log.ts';
import { StallWatch } from './stall-watch.ts';

function setUp() {
  const clock = new TestClock();
  let end: number | undefined = 10;
  const offsets = async (topic: string) => {
    if (end === undefined) throw new Error('away');
    return [{ topic, partition: 0, startOffset: 0, endOffset: end }];
  };
  const watch = new StallWatch({ admin: { offsets } as unknown as Admin, clock, timeoutMs: 1_000 });
  const check = async (offset: number) => (await watch.check([{ topic: 'web', partition: 0, offset }])) !== undefined;
  return {
    clock,
    check,
    endAt: (offset: number | undefined) => {
      end = offset;
    },
  };
}

test('complains once records have stood unread for too long, and once only for each end', async () => {
  const { clock, check, endAt } = setUp();
  assert.equal(await check(5), false);
  await clock.advance(999);
  assert.equal(await check(5), false);
  await clock.advance(1);
  assert.equal(await check(5), true);
  await clock.advance(5_000);
  assert.equal(await check(5), false);
  endAt(11);
  assert.equal(await check(5), true);
});

test('is content with whoever moves on, and with the end', async () => {
  const { clock, check } = setUp();
  for (let offset = 0; offset < 10; offset++) {
    assert.equal(await check(offset), false);
    await clock.advance(900);
  }
  assert.equal(await check(10), false);
  await clock.advance(10_000);
  assert.equal(await check(10), false);
});

test('forgets a partition that nobody waits for meanwhile', async () => {
  const { clock, check } = setUp();
  const busy = setUp();
  assert.equal(await check(5), false);
  await clock.advance(2_000);
  assert.equal(await busy.check(5), false);
  assert.equal(await check(6), false);
});

test('a log that was away is no reason to complain', async () => {
  const { clock, check, endAt } = setUp();
  assert.equal(await check(9), false);
  await clock.advance(500);
  endAt(undefined);
  await assert.rejects(check(9));
  await clock.advance(10_000);
  endAt(11);
  assert.equal(await check(9), false);
  await clock.advance(999);
  assert.equal(await check(9), false);
  await clock.advance(1);
  assert.equal(await check(9), true);
});

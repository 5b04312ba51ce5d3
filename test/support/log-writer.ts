/**
 * A process that appends to an embedded log without end, and says on standard output what was
 * acknowledged: `partition base number` a batch. Its records hold `number:index`.
 */

import { openEmbeddedLog } from '../../src/log/embedded/open.ts';
import { EMBEDDED_DEFAULTS } from './embedded-log.ts';
import { say } from './say.ts';

const [directory, firstNumber] = process.argv.slice(2) as [string, string];
const log = await openEmbeddedLog({
  directory,
  ...EMBEDDED_DEFAULTS,
  onFailure: (error) => say(`failed ${(error as { code?: string }).code}\n`),
});
await log.admin.createTopic('events', { partitions: 2 });
let number = Number(firstNumber);

async function appendTo(partition: number): Promise<never> {
  const producer = log.producer();
  for (;;) {
    const mine = number++;
    const records = Array.from({ length: 1 + (mine % 50) }, (_, index) => ({
      timestamp: Date.now(),
      value: Buffer.from(`${mine}:${index}`),
    }));
    const { baseOffset } = await producer.send({ topic: 'events', partition }, records);
    say(`${partition} ${baseOffset} ${mine}\n`);
  }
}

try {
  await Promise.all([0, 1, 0, 1].map(appendTo));
} catch (error) {
  say(`rejected ${(error as { code?: string }).code}\n`);
}

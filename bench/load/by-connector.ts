import { Connector, groupOf } from '../../src/loader/connector.ts';
import type { Log } from '../../src/log/log.ts';
import type { DeadLetters, Sink, SinkContext } from '../../src/sinks/sink.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { until } from '../../test/support/until.ts';

/** No commit for this long means that none will come. */
const QUIET_MS = 5_000;
/** A cold store on a slow machine may take minutes. */
const LOAD_MS = 900_000;
/** Looking takes from what is measured. */
const LOOK_MS = 20;
const LOADER = {
  retryInitial: 100,
  retryMax: 60_000,
  // As the product does, if it is not told otherwise.
  queueBytes: 2 ** 20,
  stallTimeout: 60_000,
  stopTimeout: 10_000,
  tolerance: 'all',
} as const;

/**
 * Records a second from the connector's start, opening its store included, to the last commit.
 * A file that is not full would wait for its age; so the records up to the last full one count.
 */
export async function loadByConnector(
  log: Log,
  topic: string,
  name: string,
  dataDirectory: string,
  create: (context: SinkContext) => Sink,
): Promise<number> {
  const context = { connector: name, admin: log.admin, clock: systemClock, logger: silentLogger, dataDirectory };
  const createSink = (deadLetters: DeadLetters) => create({ ...context, deadLetters });
  const parts = { log, config: LOADER, clock: systemClock, logger: silentLogger };
  const connector = new Connector({ ...parts, name, topics: [topic], createSink });
  const end = sum((await log.admin.offsets(topic)).map(({ endOffset }) => endOffset));
  const start = performance.now();
  const last = { offset: 0, at: start };
  connector.start();
  await until(
    'commits have come to an end',
    async () => {
      const offset = sum((await log.admin.committed(groupOf(name))).map((position) => position.offset));
      const now = performance.now();
      if (offset > last.offset) Object.assign(last, { offset, at: now });
      return offset === end || (offset > 0 && now - last.at > QUIET_MS);
    },
    LOAD_MS,
    LOOK_MS,
  );
  await connector.stop();
  return last.offset / ((last.at - start) / 1_000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

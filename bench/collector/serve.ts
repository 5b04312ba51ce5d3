/** One server to be measured: `serve.ts collector`, or `serve.ts bare`, node:http that answers 204 and nothing else. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CollectorConfig } from '../../src/collector/config.ts';
import { createCollector } from '../../src/collector/server.ts';
import { Delivery } from '../../src/delivery/delivery.ts';
import type { Producer } from '../../src/log/log.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { testConfig } from '../../test/support/collector.ts';
import type { ServerUsage } from './messages.ts';

/** A log that takes everything at once: what is measured is the collector with its delivery, not a disk. */
const producer: Producer = {
  partitionFor: () => 0,
  send: async () => ({ baseOffset: 0 }),
  close: async () => {},
};

const intake = new Delivery({
  producer,
  config: {
    bufferBytes: 32 * 2 ** 20,
    linger: 4,
    batchBytes: 256 * 2 ** 10,
    batchRecords: 2000,
    spool: { bytes: 2 ** 30, after: 1_000 },
  },
  acknowledge: 'received',
  deliveryTimeoutMs: 5_000,
  clock: systemClock,
  logger: silentLogger,
});

async function listen(kind: string | undefined): Promise<number> {
  if (kind === 'bare') {
    const server = http.createServer((request, response) => {
      const answer = () => {
        response.writeHead(204);
        response.end();
      };
      if (request.method === 'GET') answer();
      else request.on('data', () => {}).on('end', answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
  const config: CollectorConfig = testConfig();
  const topics = { 'select-color': { types: ['select-color'] } };
  const collector = createCollector({ config, topics, intake, clock: systemClock, logger: silentLogger });
  return (await collector.listen()).port;
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const usage: ServerUsage = {
    ...{ cpuMicroseconds: user + system, rssBytes: process.memoryUsage.rss() },
    events: intake.counters.accepted,
  };
  process.send?.(usage);
});
process.on('disconnect', () => process.exit(0));
process.send?.(await listen(process.argv[2]));

/** One server to be measured: `serve.ts collector`, or `serve.ts bare`, node:http that answers 204 and nothing else. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CollectorConfig } from '../../src/collector/config.ts';
import { createCollector } from '../../src/collector/server.ts';
import type { Admission, Intake, OutgoingEvent, Readiness } from '../../src/delivery/intake.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { testConfig } from '../../test/support/collector.ts';
import type { ServerUsage } from './messages.ts';

/** Counts, and takes everything: what is measured is the collector alone. */
class CountingIntake implements Intake {
  events = 0;

  admit(events: readonly OutgoingEvent[]): Admission {
    this.events += events.length;
    return { admitted: true };
  }

  readiness(): Readiness {
    return { ready: true };
  }
}

const intake = new CountingIntake();

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
    events: intake.events,
  };
  process.send?.(usage);
});
process.on('disconnect', () => process.exit(0));
process.send?.(await listen(process.argv[2]));

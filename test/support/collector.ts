/** A real, listening collector for tests, with an intake that keeps what it is given. */
import type { TestContext } from 'node:test';
import type { CollectorConfig } from '../../src/collector/config.ts';
import { collectorConfig } from '../../src/collector/config.ts';
import type { Collector, CollectorOptions } from '../../src/collector/server.ts';
import { createCollector } from '../../src/collector/server.ts';
import type { Admission, Intake, OutgoingEvent, Readiness } from '../../src/delivery/intake.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { TestClock } from './clock.ts';

/** Keeps all it admits; answers whatever the test tells it to. */
export class RecordingIntake implements Intake {
  readonly events: OutgoingEvent[] = [];
  answer: (events: readonly OutgoingEvent[]) => Admission = () => ({ admitted: true });
  state: Readiness = { ready: true };

  admit(events: readonly OutgoingEvent[]): Admission {
    const admission = this.answer(events);
    if (admission.admitted) this.events.push(...events);
    return admission;
  }

  readiness(): Readiness {
    return this.state;
  }

  /** The admitted events, parsed. */
  get values(): Record<string, unknown>[] {
    return this.events.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>);
  }
}

interface SchemaNode {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

function defaultsOf(node: SchemaNode): unknown {
  if (node.default !== undefined || node.properties === undefined) return node.default;
  return Object.fromEntries(Object.entries(node.properties).map(([name, field]) => [name, defaultsOf(field)]));
}

type Settings = Partial<Omit<CollectorConfig, 'limits' | 'time'>> & {
  readonly limits?: Partial<CollectorConfig['limits']>;
  readonly time?: Partial<CollectorConfig['time']>;
};

/** The configuration with all its defaults and these settings, on a free port of the loopback. */
export function testConfig({ limits, time, ...settings }: Settings = {}): CollectorConfig {
  const defaults = defaultsOf(collectorConfig as SchemaNode) as CollectorConfig;
  return {
    ...{ ...defaults, listen: '127.0.0.1:0', ...settings },
    ...{ limits: { ...defaults.limits, ...limits }, time: { ...defaults.time, ...time } },
  };
}

export interface RunningCollector {
  readonly collector: Collector;
  readonly intake: RecordingIntake;
  readonly clock: TestClock;
  readonly port: number;
  readonly url: string;
}

/** Starts a collector and closes it after the test. */
export async function startCollector(
  t: Pick<TestContext, 'after'>,
  { settings, ...options }: Partial<CollectorOptions> & { readonly settings?: Settings } = {},
): Promise<RunningCollector> {
  const intake = new RecordingIntake();
  const clock = new TestClock();
  const collector = createCollector({
    config: testConfig(settings),
    topics: { 'select-color': { types: ['select-color'] } },
    ...{ intake, clock, logger: silentLogger },
    ...options,
  });
  const { port } = await collector.listen();
  t.after(() => collector.close());
  return { collector, intake, clock, port, url: `http://127.0.0.1:${port}` };
}

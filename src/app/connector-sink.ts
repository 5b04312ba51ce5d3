import type { Log } from '../log/log.ts';
import type { SinkKind } from '../sinks/registry.ts';
import { sinks } from '../sinks/registry.ts';
import type { DeadLetters, Sink } from '../sinks/sink.ts';
import { systemClock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';

/** What the sink of a connector is made from; plain data, so that it crosses threads. */
export interface SinkPlan {
  /** The connector's name. */
  readonly name: string;
  readonly kind: SinkKind;
  /** The sink's own part of the configuration. */
  readonly sinkConfig: unknown;
  /** Event types that the configuration names. */
  readonly namedTypes: readonly string[];
  /** Absolute path. */
  readonly dataDirectory: string;
}

/** What makes a sink to the plan, each time anew; loads the code of that kind alone. */
export async function sinkMaker(plan: SinkPlan, log: Log, logger: Logger): Promise<(deadLetters: DeadLetters) => Sink> {
  const { name, kind, sinkConfig, namedTypes, dataDirectory } = plan;
  const create = await sinks[kind].load();
  return (deadLetters) =>
    create(
      sinkConfig as never,
      { connector: name, admin: log.admin, deadLetters, clock: systemClock, logger, dataDirectory },
      { namedTypes },
    );
}

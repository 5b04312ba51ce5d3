import type { RestartCommand } from '../store/connector-store.ts';
import type { ShownConnector, Standing } from './connectors.ts';

/** A connector with its configuration. */
export function infoOf({ name, config, tasks }: ShownConnector): object {
  return { name, config, tasks: tasks.map((_, task) => ({ connector: name, task })), type: 'sink' };
}

/** A connector with its tasks in their states. */
export function statusOf({ name, connector, tasks }: ShownConnector, version: string): object {
  return {
    name,
    connector: standingOf(connector, version),
    tasks: tasks.map((task, id) => ({ id, ...standingOf(task, version) })),
    type: 'sink',
  };
}

/** A task, or the connector itself; the version is that of the class, which is ours (KIP-891). */
export function standingOf({ state, workerId, trace }: Standing, version: string): object {
  return { state, worker_id: workerId, version, ...(trace === undefined ? {} : { trace }) };
}

/** A connector as a restart finds it, with what is about to start anew (KIP-745). */
export function restarting(one: ShownConnector, { includeTasks, onlyFailed }: RestartCommand): ShownConnector {
  const restarted = (standing: Standing): Standing => {
    if (onlyFailed && standing.state !== 'FAILED') return standing;
    return { state: 'RESTARTING', workerId: standing.workerId };
  };
  const { connector, tasks } = one;
  return { ...one, connector: restarted(connector), tasks: includeTasks ? tasks.map(restarted) : tasks };
}

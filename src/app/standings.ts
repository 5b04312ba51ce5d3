import type { ShownConnector } from '../connect/rest/connectors.ts';
import type { TaskReport } from '../connect/store/worker-board.ts';
import type { ConnectorSnapshot } from '../loader/connector.ts';

export type Standings = Pick<ShownConnector, 'connector' | 'tasks'>;

/** As a task is told of, to people and to other workers. */
export function taskOf({ state, lastError }: ConnectorSnapshot): TaskReport {
  const isTroubled = state === 'FAILED' || state === 'RESTARTING';
  if (!isTroubled || !lastError) return { state };
  return { state, trace: [lastError.code, lastError.message].filter(Boolean).join(': ') };
}

/** Of a connector with one task: it stands as it was told to, and what becomes of that is its task's. */
export function standingAlone(task: TaskReport, workerId: string): Standings {
  const isTroubled = task.state === 'FAILED' || task.state === 'RESTARTING';
  return {
    connector: { state: isTroubled ? 'RUNNING' : task.state, workerId },
    tasks: [{ workerId, ...task }],
  };
}

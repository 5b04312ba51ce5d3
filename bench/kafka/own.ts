/** Our adapter, each run in a process of its own on one core. */
import path from 'node:path';
import { runJob } from '../../test/engines/server-process.ts';
import { SERVER_FLAGS } from '../flags.ts';
import { MEASURED_CORE, pinnedTo } from '../processes.ts';
import type { ConsumeOrder, OwnRate, ProduceOrder } from './messages.ts';

const JOB_MS = 600_000;

export function adapterProduces(order: ProduceOrder, flags: readonly string[] = []): Promise<OwnRate> {
  return ask('produce.ts', order, [...SERVER_FLAGS.collect, ...flags]);
}

export function adapterConsumes(order: ConsumeOrder, flags: readonly string[] = []): Promise<OwnRate> {
  // Here the main thread does what a connector's thread does there, and has as much room as that.
  return ask('consume.ts', order, [...SERVER_FLAGS.collect, ...flags]);
}

async function ask(script: string, order: object, flags: readonly string[]): Promise<OwnRate> {
  const [program = '', ...before] = [...pinnedTo(MEASURED_CORE), process.execPath, ...flags];
  const words = [...before, path.join(import.meta.dirname, script), JSON.stringify(order)];
  const output = await runJob(program, words, JOB_MS);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as OwnRate;
}

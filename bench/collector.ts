/**
 * The collector next to bare node:http that answers 204: requests a second, latency, CPU and
 * memory. The server has core 0 to itself and the load core 1; both servers take turns, and the
 * medians of the rounds count. `--url http://host:port` measures a collector that is running.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { generateLoad, startScript } from './collector/generator.ts';
import type { LoadReport, ServerUsage, Workload } from './collector/messages.ts';
import { BATCH_EVENTS } from './collector/messages.ts';
import { SERVER_FLAGS } from './flags.ts';
import { MEASURED_CORE } from './processes.ts';
import type { BenchResult } from './result.ts';
import { median } from './statistics.ts';

const ROUNDS = 3;
const LOAD = { connections: 64, warmUpMs: 1500, measureMs: 3000 };
const SELECT_TARGET = 0.5;

interface Measured {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server; not known of one that was running already. */
  readonly cpuMicrosecondsPerRequest: number | undefined;
  readonly rssMb: number | undefined;
  /** Acknowledged requests whose events the intake never got, and replies that were no 2xx. */
  readonly missing: number;
}

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({ options: { url: { type: 'string' } }, strict: false });
  if (typeof values.url === 'string') return measureUrl(new URL(values.url));
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  let missing = 0;
  for (const workload of ['select', 'batch'] as const) {
    const rounds: { readonly bare: Measured; readonly ours: Measured }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ bare: await measureServer('bare', workload), ours: await measureServer('collector', workload) });
    }
    missing += rounds.reduce((sum, { ours }) => sum + ours.missing, 0);
    Object.assign(
      figures,
      figuresOf(
        workload,
        rounds.map(({ ours }) => ours),
      ),
    );
    Object.assign(
      figures,
      figuresOf(
        `bare_${workload}`,
        rounds.map(({ bare }) => bare),
      ),
    );
    ratios[`${workload}_vs_http`] = median(
      rounds.map(({ bare, ours }) => ours.requestsPerSecond / bare.requestsPerSecond),
    );
    ratios[`${workload}_vs_http_cpu`] = median(
      rounds.map(({ bare, ours }) => bare.cpuMicrosecondsPerRequest! / ours.cpuMicrosecondsPerRequest!),
    );
  }
  figures['batch_events_per_s'] = figures['batch_requests_per_s']! * BATCH_EVENTS;
  figures['missing'] = missing;
  const targets = { select_vs_http: SELECT_TARGET, missing: 0 };
  return {
    name: 'collector',
    ok: ratios['select_vs_http']! >= SELECT_TARGET && missing === 0,
    figures,
    ratios,
    targets,
  };
}

async function measureUrl(url: URL): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  for (const workload of ['select', 'batch'] as const) {
    const target = { host: url.hostname, port: Number(url.port || 80), workload };
    const { report } = await generateLoad({ ...target, ...LOAD }, () => undefined);
    Object.assign(figures, figuresOf(workload, [measuredOf(report, report.refused)]));
    figures['refused'] = (figures['refused'] ?? 0) + report.refused;
  }
  return { name: 'collector', ok: figures['refused'] === 0, figures, ratios: {}, targets: { refused: 0 } };
}

async function measureServer(kind: 'bare' | 'collector', workload: Workload): Promise<Measured> {
  const server = startScript('serve.ts', MEASURED_CORE, { flags: SERVER_FLAGS.collect, words: [kind] });
  try {
    const [port] = (await once(server, 'message')) as [number];
    const order = { host: '127.0.0.1', port, workload, ...LOAD };
    const { report, before, after } = await generateLoad(order, () => usageOf(server));
    const { events } = await usageOf(server);
    const sent = report.acknowledged * (workload === 'batch' ? BATCH_EVENTS : 1);
    const missing = report.refused + (kind === 'collector' ? Math.abs(sent - events) : 0);
    return {
      ...measuredOf(report, missing),
      cpuMicrosecondsPerRequest: (after.cpuMicroseconds - before.cpuMicroseconds) / report.requests,
      rssMb: after.rssBytes / 1e6,
    };
  } finally {
    server.disconnect();
  }
}

function measuredOf(report: LoadReport, missing: number): Measured {
  const { requests, seconds, p50Ms, p99Ms } = report;
  const unknown = { cpuMicrosecondsPerRequest: undefined, rssMb: undefined };
  return { requestsPerSecond: requests / seconds, p50Ms, p99Ms, missing, ...unknown };
}

async function usageOf(server: ChildProcess): Promise<ServerUsage> {
  server.send('usage');
  const [usage] = (await once(server, 'message')) as [ServerUsage];
  return usage;
}

function figuresOf(prefix: string, measured: readonly Measured[]): Record<string, number> {
  const figures: Record<string, number> = {};
  const put = (name: string, pick: (one: Measured) => number | undefined) => {
    const known = measured.map(pick).filter((value) => value !== undefined);
    if (known.length > 0) figures[`${prefix}_${name}`] = median(known);
  };
  put('requests_per_s', (one) => one.requestsPerSecond);
  put('p50_ms', (one) => one.p50Ms);
  put('p99_ms', (one) => one.p99Ms);
  put('cpu_us_per_request', (one) => one.cpuMicrosecondsPerRequest);
  put('rss_mb', (one) => one.rssMb);
  return figures;
}

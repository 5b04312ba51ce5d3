/** What one server does alone on its core, with more and more connections. */
import { generateLoad } from '../collector/generator.ts';
import { cpuMicroseconds, forgetPeak, peakRssMb } from '../processes.ts';
import type { PeerServer } from './server.ts';

export const CONNECTIONS = [64, 256, 1_000] as const;
/** Enough that Java has compiled all that matters, and Node too. */
const WARM_UP_REQUESTS = 400_000;
/** Between two numbers of connections. */
const SETTLE_MS = 2_000;
const MEASURE_MS = 10_000;

export interface Throughput extends Readonly<Record<string, number>> {
  readonly requests_per_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly cpu_us_per_request: number;
  readonly peak_rss_mb: number;
  /** Part of its core that the server used: near 1 it is the server that was measured, not the load. */
  readonly core_busy: number;
}

/** One turn of a server, by the number of connections. */
export interface Turn {
  readonly by: ReadonlyMap<number, Throughput>;
  /** Requests answered 2xx since the start, and others. */
  readonly acknowledged: number;
  readonly refused: number;
}

export async function measureTurn({ url, pid }: PeerServer): Promise<Turn> {
  const by = new Map<number, Throughput>();
  let [acknowledged, refused] = [0, 0];
  for (const connections of CONNECTIONS) {
    const warmUpRequests = by.size === 0 ? WARM_UP_REQUESTS : 0;
    const time = { warmUpRequests, warmUpMs: SETTLE_MS, measureMs: MEASURE_MS };
    const target = { host: url.hostname, port: Number(url.port), workload: 'select', connections } as const;
    let looked = false;
    const { report, before, after } = await generateLoad({ ...target, ...time }, () => {
      if (!looked) forgetPeak(pid);
      looked = true;
      return { cpu: cpuMicroseconds(pid), peakRssMb: peakRssMb(pid) };
    });
    acknowledged += report.acknowledged;
    refused += report.refused;
    const cpu = after.cpu - before.cpu;
    by.set(connections, {
      requests_per_s: Math.round(report.requests / report.seconds),
      p50_ms: report.p50Ms,
      p99_ms: report.p99Ms,
      cpu_us_per_request: cpu / report.requests,
      peak_rss_mb: after.peakRssMb,
      core_busy: cpu / 1_000_000 / report.seconds,
    });
  }
  return { by, acknowledged, refused };
}

import { Counter, collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client';
import type { CollectorStatus, ConnectorStatus, Status } from './status.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** One metric and how its samples are read from a status. */
interface Family {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (status: Status) => readonly Sample[];
}

const STATES: readonly ConnectorStatus['state'][] = [
  'UNASSIGNED',
  'RUNNING',
  'PAUSED',
  'STOPPED',
  'FAILED',
  'RESTARTING',
];

const FAMILIES: readonly Family[] = [
  ofCollector('counter', 'millrace_requests_total', 'HTTP requests to the collector', ({ requests }) => requests),
  counter(
    'millrace_events_accepted_total',
    'Events that the collector accepted',
    ({ accounting }) => accounting.accepted,
  ),
  counterBy(
    'millrace_events_rejected_total',
    'Events refused as bad, by code',
    'code',
    ({ collector }) => collector?.rejectedEvents ?? {},
  ),
  counterBy(
    'millrace_requests_shed_total',
    'Requests turned away as too many, by cause',
    'cause',
    ({ collector }) => collector?.shedRequests ?? {},
  ),
  ofCollector('gauge', 'millrace_collector_ready', '1 if an event would be taken now', ({ ready }) => Number(ready)),
  ofCollector('gauge', 'millrace_buffer_bytes', 'Bytes between HTTP and the log', ({ bufferBytes }) => bufferBytes),
  ofCollector('gauge', 'millrace_buffer_limit_bytes', 'Bytes the buffer may hold', (one) => one.bufferLimitBytes),
  ofCollector('gauge', 'millrace_spool_bytes', 'Bytes on disk, waiting for the log', ({ spoolBytes }) => spoolBytes),
  ofCollector('gauge', 'millrace_spool_limit_bytes', 'Bytes the spool may hold', (one) => one.spoolLimitBytes),
  gauge('millrace_log_reachable', '1 if the log answered when last asked', ({ log }) => Number(log.reachable)),
  gauge('millrace_events_buffered', 'Events in the buffer', ({ accounting }) => accounting.buffered),
  gauge('millrace_events_spooled', 'Events on the spool', ({ accounting }) => accounting.spooled),
  counter('millrace_events_delivered_total', 'Events that the log took', ({ accounting }) => accounting.delivered),
  counter(
    'millrace_events_dead_lettered_total',
    'Accepted events that became dead letters',
    ({ accounting }) => accounting.deadLettered,
  ),
  counterBy(
    'millrace_events_dropped_total',
    'Accepted events that were lost, by cause',
    'cause',
    (status) => status.accounting.dropped,
  ),
  connectors('gauge', 'millrace_connector_lag', 'Records not yet durable in the store', ({ lag }) => lag),
  connectors('counter', 'millrace_connector_loaded_total', 'Records made durable', ({ loaded }) => loaded),
  connectors(
    'counter',
    'millrace_duplicates_total',
    'Records that the store already had',
    ({ duplicates }) => duplicates,
  ),
  connectors('counter', 'millrace_dead_letters_total', 'Records that the sink refused', (one) => one.deadLettered),
  connectors('counter', 'millrace_connector_restarts_total', 'Restarts after failures', ({ restarts }) => restarts),
  {
    kind: 'gauge',
    name: 'millrace_connector_state',
    help: '1 for the state that the connector is in',
    labels: ['connector', 'state'],
    read: (status) =>
      status.connectors.flatMap(({ name, state }) =>
        STATES.map((one) => [{ connector: name, state: one }, Number(one === state)] as const),
      ),
  },
];

/** The program's metrics, and those of its process, as Prometheus reads them. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #update: readonly ((status: Status) => void)[];

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#update = FAMILIES.map((family) => register(family, this.#registry));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Text exposition of this status. */
  text(status: Status): Promise<string> {
    for (const update of this.#update) update(status);
    return this.#registry.metrics();
  }
}

/** The totals are counted elsewhere, so each scrape starts from zero and adds what is known now. */
function register({ kind, name, help, labels, read }: Family, registry: Registry): (status: Status) => void {
  const definition = { name, help, labelNames: [...labels], registers: [registry] };
  const metric = kind === 'counter' ? new Counter(definition) : new Gauge(definition);
  return (status) => {
    metric.reset();
    for (const [label, value] of read(status)) metric.inc(label, value);
  };
}

function counter(name: string, help: string, read: (status: Status) => number): Family {
  return { kind: 'counter', name, help, labels: [], read: (status) => [[{}, read(status)]] };
}

function gauge(name: string, help: string, read: (status: Status) => number): Family {
  return { kind: 'gauge', name, help, labels: [], read: (status) => [[{}, read(status)]] };
}

function counterBy(
  name: string,
  help: string,
  label: string,
  read: (status: Status) => Readonly<Record<string, number>>,
): Family {
  const samples = (status: Status) =>
    Object.entries(read(status)).map(([key, count]) => [{ [label]: key }, count] as const);
  return { kind: 'counter', name, help, labels: [label], read: samples };
}

/** What only a process that collects can say. */
function ofCollector(
  kind: Family['kind'],
  name: string,
  help: string,
  read: (collector: CollectorStatus) => number,
): Family {
  const samples = ({ collector }: Status) => (collector ? [[{}, read(collector)] as const] : []);
  return { kind, name, help, labels: [], read: samples };
}

function connectors(
  kind: Family['kind'],
  name: string,
  help: string,
  read: (connector: ConnectorStatus) => number,
): Family {
  const samples = (status: Status) => status.connectors.map((one) => [{ connector: one.name }, read(one)] as const);
  return { kind, name, help, labels: ['connector'], read: samples };
}

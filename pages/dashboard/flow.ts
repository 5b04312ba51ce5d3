import type { CollectorStatus, Status } from '../../src/operations/status.ts';
import type { Line } from './charts.ts';
import { Chart } from './charts.ts';
import { byId, make } from './dom.ts';
import { formatBytes, formatDuration, formatNumber } from './format.ts';
import { History } from './history.ts';
import { onLanguage, word } from './words.ts';

const CONNECTOR_COLOURS = ['--line-3', '--line-4', '--line-5', '--line-6'];

/** How much is flowing, and where it waits. */
export class Flow {
  readonly #history = new History();
  readonly #rates = new Chart(byId('rates-chart'), 'lines');
  readonly #lag = new Chart(byId('lag-chart'), 'lines');
  #status: Status | undefined;

  constructor() {
    onLanguage(() => this.#show());
  }

  update(status: Status): void {
    this.#history.add(status);
    this.#status = status;
    this.#show();
  }

  #show(): void {
    if (!this.#status) return;
    byId('uptime').textContent = word('uptime', {
      time: formatDuration(this.#status.now - this.#status.startedAt),
    });
    this.#showTiles(this.#status);
    this.#showCharts(this.#status);
  }

  #showTiles({ accounting, collector, connectors }: Status): void {
    const latest = this.#history.latest;
    const rate = (value: number | undefined) => word('perSecond', { n: formatNumber(value ?? 0) });
    const total = (n: number) => word('total', { n: formatNumber(n) });
    const loaded = [...(latest?.loaded.values() ?? [])];
    const dead = accounting.deadLettered + connectors.reduce((n, one) => n + one.deadLettered, 0);
    const dropped = sum(accounting.dropped);
    byId('tiles').replaceChildren(
      tile(word('accepted'), rate(latest?.accepted), total(accounting.accepted)),
      tile(word('delivered'), rate(latest?.delivered), total(accounting.delivered)),
      tile(
        word('loadedTile'),
        rate(loaded.reduce((a, b) => a + b, 0)),
        total(connectors.reduce((n, one) => n + one.loaded, 0)),
      ),
      tile(word('lag'), formatNumber(Math.max(0, ...connectors.map(({ lag }) => lag)))),
      ...(collector ? collectorTiles(collector) : []),
      tile(word('deadLetters'), formatNumber(dead)),
      tile(word('dropped'), formatNumber(dropped), reasons(accounting.dropped), { alarm: dropped > 0 }),
    );
  }

  #showCharts({ connectors }: Status): void {
    const samples = this.#history.samples;
    const times = samples.map(({ at }) => at / 1_000);
    const colour = (index: number) => CONNECTOR_COLOURS[index % CONNECTOR_COLOURS.length] as string;
    const rates: Line[] = [
      { label: word('accepted'), colour: '--line-1' },
      { label: word('delivered'), colour: '--line-2' },
      ...connectors.map(({ name }, index) => ({ label: word('loaded', { name }), colour: colour(index) })),
    ];
    const rateColumns = [
      samples.map(({ accepted }) => accepted),
      samples.map(({ delivered }) => delivered),
      ...connectors.map(({ name }) => samples.map(({ loaded }) => loaded.get(name) ?? null)),
    ];
    const lags = connectors.map(({ name }, index) => ({ label: name, colour: colour(index) }));
    const lagColumns = connectors.map(({ name }) => samples.map(({ lag }) => lag.get(name) ?? null));
    draw(this.#rates, 'rates-legend', word('ratesTitle'), rates, [times, ...rateColumns]);
    draw(this.#lag, 'lag-legend', word('lagTitle'), lags, [times, ...lagColumns]);
  }
}

/** What only a process that collects has to show. */
function collectorTiles({
  bufferBytes,
  bufferLimitBytes,
  rejectedEvents,
  shedRequests,
}: CollectorStatus): HTMLElement[] {
  const fill = bufferLimitBytes === 0 ? 0 : bufferBytes / bufferLimitBytes;
  const shed = sum(shedRequests);
  return [
    tile(word('buffer'), formatBytes(bufferBytes), word('ofLimit', { size: formatBytes(bufferLimitBytes) }), {
      fill,
      alarm: fill > 0.8,
    }),
    tile(word('rejected'), formatNumber(sum(rejectedEvents)), reasons(rejectedEvents)),
    tile(word('shed'), formatNumber(shed), reasons(shedRequests), { alarm: shed > 0 }),
  ];
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

function draw(chart: Chart, legend: string, title: string, lines: readonly Line[], columns: (number | null)[][]): void {
  const values = lines.map((_line, index) => formatNumber(columns[index + 1]?.at(-1) ?? 0));
  const summary = lines.map(({ label }, index) => `${label} ${values[index]}`).join(', ');
  chart.show(lines, columns, `${title}: ${summary}`);
  byId(legend).replaceChildren(
    ...lines.map(({ label, colour }, index) => {
      const key = make('span', { class: 'key' });
      key.style.backgroundColor = `var(${colour})`;
      return make('li', {}, key, make('bdi', {}, label), ' ', make('b', {}, values[index] ?? ''));
    }),
  );
}

interface TileLook {
  /** 0 to 1: drawn as a bar. */
  readonly fill?: number;
  readonly alarm?: boolean;
}

function tile(name: string, value: string, more = '', { fill, alarm }: TileLook = {}): HTMLElement {
  const made = make(
    'div',
    { class: 'tile', data: { alarm: String(alarm ?? false) } },
    make('dt', {}, name),
    make('dd', { class: 'value' }, value),
    make('dd', { class: 'quiet' }, make('bdi', { title: more }, more)),
  );
  if (fill === undefined) return made;
  const bar = make('span', { class: 'fill' });
  bar.style.inlineSize = `${Math.min(100, fill * 100)}%`;
  made.append(make('dd', { class: 'track' }, bar));
  return made;
}

function reasons(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${formatNumber(count)}`).join(', ');
}

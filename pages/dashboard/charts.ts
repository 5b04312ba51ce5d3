import uPlot from 'uplot';
import { formatNumber, formatTick } from './format.ts';

/** Lines or bars over time. */
export interface Line {
  readonly label: string;
  /** Custom property of the style sheet that holds the colour, such as `--line-1`. */
  readonly colour: string;
}

/** Seconds since the epoch, then the values of each line. */
export type Columns = readonly (readonly (number | null)[])[];

const HEIGHT = 190;
/** What is counted are whole things: no line stands between two of them. */
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();

/** A plot that keeps to its element's width and to the colours of the style sheet. */
export class Chart {
  readonly #host: HTMLElement;
  readonly #bars: boolean;
  #lines: readonly Line[] = [];
  #columns: Columns = [];
  #range: readonly [number, number] | undefined;
  #plot: uPlot | undefined;

  constructor(host: HTMLElement, kind: 'lines' | 'bars') {
    this.#host = host;
    this.#bars = kind === 'bars';
    host.role = 'img';
    new ResizeObserver(() => this.#plot?.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#build());
  }

  /** `summary` says in words what the plot shows; `range` fixes the time axis, in seconds. */
  show(lines: readonly Line[], columns: Columns, summary: string, range?: readonly [number, number]): void {
    const same = lines.length === this.#lines.length && lines.every(({ label }, i) => label === this.#lines[i]?.label);
    this.#lines = lines;
    this.#columns = columns;
    this.#range = range;
    this.#host.ariaLabel = summary;
    if (same && this.#plot) this.#plot.setData(columns as uPlot.AlignedData);
    else this.#build();
  }

  #build(): void {
    this.#plot?.destroy();
    if (this.#lines.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--quiet'),
      grid: { stroke: colour('--rule'), width: 1 },
      ticks: { show: false },
      font: `12px ${style.getPropertyValue('font-family')}`,
    };
    const paths = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: { range: (_plot, low, high) => [...(this.#range ?? [low, high])] as [number, number] },
          y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] },
        },
        axes: [
          {
            ...axis,
            size: 28,
            space: 70,
            values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => formatTick(tick, step)),
          },
          { ...axis, size: 56, incrs: WHOLE_STEPS, values: (_plot, ticks) => ticks.map(formatNumber) },
        ],
        series: [
          {},
          ...this.#lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 2,
            points: { show: false },
            ...(this.#bars && paths ? { paths, fill: colour(line.colour), width: 0 } : {}),
          })),
        ],
      },
      this.#columns as uPlot.AlignedData,
      this.#host,
    );
  }
}

import type { Status } from '../../src/operations/status.ts';
import type { StoredEvent } from '../../src/sinks/event-query.ts';
import type { BreakdownValue, Histogram } from './api.ts';
import { api } from './api.ts';
import { Chart } from './charts.ts';
import { safeColour } from './colours.ts';
import { showDetails, textOf } from './details.ts';
import { button, byId, foreign, make } from './dom.ts';
import { formatDuration, formatNumber, formatTime } from './format.ts';
import { say, sayFailure } from './messages.ts';
import { QueryForm } from './query.ts';
import { onLanguage, word } from './words.ts';

const PAGE_EVENTS = 50;
const BREAKDOWN_VALUES = 12;
/** How often a search that follows new events asks again, at most. */
const FOLLOW_MS = 2_000;
/** Fields that have columns of their own, or matter only in the details. */
const SHOWN = new Set(['id', 'type', 'timestamp', 'sentTimestamp', 'receivedAt', 'userAgent', 'userName', 'colorName']);

interface Found {
  readonly events: readonly StoredEvent[];
  readonly next: string | undefined;
  readonly histogram: Histogram;
  readonly values: readonly BreakdownValue[];
}

/** Search of loaded events, as a table, over time, and by a field. */
export class Search {
  readonly #form = new QueryForm(() => void this.#search());
  readonly #histogram = new Chart(byId('histogram'), 'bars');
  readonly #message = byId('search-message');
  readonly #field = byId<HTMLInputElement>('breakdown-field');
  #found: Found | undefined;
  /** Only the answer to the latest question is shown. */
  #question = 0;
  #loaded = -1;
  #searchedAt = 0;
  /** Older pages have been opened: following would close them again. */
  #paging = false;

  constructor() {
    this.#field.addEventListener('change', () => void this.#search());
    byId('older').addEventListener('click', () => void this.#older());
    onLanguage(() => this.#show());
  }

  /** Asks again when something has been loaded since, if the form follows. */
  update({ connectors }: Status): void {
    const loaded = connectors.reduce((sum, one) => sum + one.loaded, 0);
    const due = loaded !== this.#loaded && Date.now() - this.#searchedAt >= FOLLOW_MS;
    const first = this.#loaded < 0;
    if (!due || document.hidden || (!first && (!this.#form.follows || this.#paging))) return;
    this.#loaded = loaded;
    void this.#search();
  }

  async #search(): Promise<void> {
    const question = ++this.#question;
    this.#searchedAt = Date.now();
    const query = this.#form.query();
    const withMore = (more: Record<string, string | number>) => {
      const copy = new URLSearchParams(query);
      for (const [name, value] of Object.entries(more)) copy.set(name, String(value));
      return copy;
    };
    const field = this.#field.value.trim() || 'colorName';
    try {
      const [page, histogram, { values }] = await Promise.all([
        api.events(withMore({ limit: PAGE_EVENTS })),
        api.histogram(query),
        api.breakdown(withMore({ field, limit: BREAKDOWN_VALUES })),
      ]);
      if (question !== this.#question) return;
      this.#found = { events: page.events, next: page.next, histogram, values };
      this.#paging = false;
      this.#show();
    } catch (error) {
      if (question === this.#question) sayFailure(this.#message, error);
    }
  }

  async #older(): Promise<void> {
    const found = this.#found;
    if (found?.next === undefined) return;
    const query = this.#form.query();
    query.set('limit', String(PAGE_EVENTS));
    query.set('before', found.next);
    try {
      const page = await api.events(query);
      if (found !== this.#found) return;
      this.#paging = true;
      this.#found = { ...found, events: [...found.events, ...page.events], next: page.next };
      this.#show();
    } catch (error) {
      sayFailure(this.#message, error);
    }
  }

  #show(): void {
    if (!this.#found) return;
    const { events, next, histogram, values } = this.#found;
    say(this.#message, events.length === 0 ? word('nothingFound') : '');
    byId('older').hidden = next === undefined;
    this.#showHistogram(histogram);
    this.#showBreakdown(values);
    const focused = document.activeElement?.closest<HTMLElement>('#results [data-event]')?.dataset['event'];
    byId('results').replaceChildren(...events.map(toRow));
    if (focused !== undefined)
      byId('results')
        .querySelector<HTMLElement>(`[data-event="${CSS.escape(focused)}"] button`)
        ?.focus();
  }

  #showHistogram({ from, to, intervalMs, buckets }: Histogram): void {
    const counts = new Map(buckets.map((bucket) => [bucket.from, bucket.count]));
    const times: number[] = [];
    for (let at = Math.floor(from / intervalMs) * intervalMs; at < to; at += intervalMs) times.push(at);
    const n = formatNumber(buckets.reduce((sum, { count }) => sum + count, 0));
    const summary = word('histogramSummary', { n, interval: formatDuration(intervalMs) });
    byId('histogram-summary').textContent = summary;
    const columns = [times.map((at) => at / 1_000), times.map((at) => counts.get(at) ?? 0)];
    this.#histogram.show([{ label: word('events'), colour: '--line-1' }], columns, summary, [from / 1_000, to / 1_000]);
  }

  #showBreakdown(values: readonly BreakdownValue[]): void {
    const most = Math.max(1, ...values.map(({ count }) => count));
    const field = this.#field.value.trim() || 'colorName';
    const host = byId('breakdown');
    const focused = host.contains(document.activeElement)
      ? [...host.querySelectorAll('button')].indexOf(document.activeElement as HTMLButtonElement)
      : -1;
    host.replaceChildren(...values.map((value) => this.#bar(field, value, value.count / most)));
    host.querySelectorAll('button')[focused]?.focus();
  }

  #bar(field: string, { value, count, where }: BreakdownValue, share: number): HTMLElement {
    const bar = make('span', { class: 'bar' });
    bar.style.inlineSize = `${share * 100}%`;
    const colour = safeColour(value);
    if (colour !== undefined) bar.style.backgroundColor = colour;
    const choose = button(
      '',
      () => {
        this.#form.addCondition(field, value);
        void this.#search();
      },
      word('onlyValue', { value: value.slice(0, 200), n: formatNumber(count) }),
    );
    choose.disabled = where === undefined;
    choose.append(foreign(value), make('b', {}, formatNumber(count)), make('span', { class: 'track' }, bar));
    return make('li', {}, choose);
  }
}

function toRow(event: StoredEvent): HTMLElement {
  const text = (name: string) => (event[name] === undefined ? '' : textOf(event[name]));
  const rest = Object.entries(event).filter(([name]) => !SHOWN.has(name));
  const colour = text('colorName');
  const time = formatTime(text('timestamp'));
  const details = button(word('details'), () => showDetails(event), `${word('details')}: ${time}`);
  return make(
    'tr',
    { data: { event: event.id } },
    make('td', { class: 'time' }, time),
    make('td', {}, foreign(event.type)),
    make('td', {}, foreign(text('userName'))),
    make('td', {}, ...swatch(colour), foreign(colour)),
    make('td', { class: 'rest' }, foreign(rest.map(([name, value]) => `${name}: ${textOf(value)}`).join(' · '))),
    make('td', { class: 'actions' }, details),
  );
}

function swatch(value: string): HTMLElement[] {
  const colour = safeColour(value);
  if (colour === undefined) return [];
  const made = make('span', { class: 'swatch' });
  made.style.backgroundColor = colour;
  return [made];
}

import type { ConnectorStatus, Status } from '../../src/operations/status.ts';
import { api } from './api.ts';
import { button, byId, foreign, make } from './dom.ts';
import { formatNumber, formatTime } from './format.ts';
import { say, sayFailure } from './messages.ts';
import { onLanguage, word } from './words.ts';

/** The connectors' states, and what can be done about them. */
export class Connectors {
  #connectors: readonly ConnectorStatus[] | undefined;
  /** What was last drawn: a card is drawn again only when it changed, so that the focus stays where it is. */
  readonly #drawn = new Map<string, { readonly look: string; readonly card: HTMLElement }>();

  constructor() {
    onLanguage(() => {
      this.#drawn.clear();
      this.#show();
    });
  }

  update({ connectors }: Status): void {
    this.#connectors = connectors;
    this.#show();
  }

  #show(): void {
    if (!this.#connectors) return;
    const cards = this.#connectors.map((connector) => this.#card(connector));
    const host = byId('connectors');
    if (cards.length === 0) host.replaceChildren(make('p', { class: 'quiet' }, word('noConnectors')));
    else if (cards.some((card, index) => host.children[index] !== card) || host.children.length !== cards.length)
      host.replaceChildren(...cards);
  }

  #card(connector: ConnectorStatus): HTMLElement {
    const known = this.#drawn.get(connector.name);
    const card = known?.card ?? make('article', { class: 'panel card', data: { connector: connector.name } });
    const look = JSON.stringify(connector);
    if (known?.look === look) return card;
    const focused = card.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset['action']
      : '';
    card.replaceChildren(...contents(connector));
    if (focused) (card.querySelector<HTMLElement>(`[data-action=${focused}]`) ?? card.querySelector('button'))?.focus();
    this.#drawn.set(connector.name, { look, card });
    return card;
  }
}

function contents({ name, sink, state, topics, lastError, ...counts }: ConnectorStatus): HTMLElement[] {
  const paused = state === 'PAUSED' || state === 'STOPPED';
  const row = (label: string, value: string) => make('div', {}, make('dt', {}, label), make('dd', {}, value));
  const made = [
    make(
      'header',
      {},
      make('h3', {}, make('bdi', {}, name), ' ', make('small', { class: 'quiet' }, sink)),
      make('span', { class: 'state', data: { state } }, word(state)),
    ),
    make(
      'dl',
      { class: 'counts' },
      row(word('lag'), formatNumber(counts.lag)),
      row(word('loadedTile'), formatNumber(counts.loaded)),
      row(word('duplicates'), formatNumber(counts.duplicates)),
      row(word('deadLetters'), formatNumber(counts.deadLettered)),
      row(word('restarts'), formatNumber(counts.restarts)),
      row(word('topics'), topics.join(', ')),
    ),
  ];
  if (lastError) {
    const { code, message, at } = lastError;
    made.push(make('p', { class: 'error', title: message }, `${formatTime(at)} · ${code ?? ''} `, foreign(message)));
  }
  made.push(make('div', { class: 'row' }, control(name, paused ? 'resume' : 'pause'), control(name, 'restart')));
  return made;
}

function control(name: string, action: 'pause' | 'resume' | 'restart'): HTMLButtonElement {
  const message = byId('connectors-message');
  const made = button(
    word(action),
    () => {
      api.control(name, action).then(
        () => say(message, word('done', { name, action: word(action) })),
        (error: unknown) => sayFailure(message, error),
      );
    },
    word('actionOn', { action: word(action), name }),
  );
  made.dataset['action'] = action;
  return made;
}

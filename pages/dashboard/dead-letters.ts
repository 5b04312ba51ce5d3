import type { DeadLetter } from '../../src/operations/sources.ts';
import type { Status } from '../../src/operations/status.ts';
import { api } from './api.ts';
import { showDetails } from './details.ts';
import { button, byId, foreign, make } from './dom.ts';
import { formatNumber, formatTime } from './format.ts';
import { say, sayFailure } from './messages.ts';
import { onLanguage, word } from './words.ts';

const MOST_SHOWN = 100;
const COLLECTOR = 'collector';

/** The refused records, and their way back. */
export class DeadLetters {
  readonly #by = byId<HTMLSelectElement>('letters-by');
  readonly #text = byId<HTMLInputElement>('letters-text');
  readonly #message = byId('letters-message');
  #letters: readonly DeadLetter[] | undefined;
  #names: readonly string[] = [];
  /** Number of dead letters when the list was last read. */
  #counted = -1;

  constructor() {
    this.#by.addEventListener('change', () => void this.#list());
    this.#text.addEventListener('change', () => void this.#list());
    byId('letters-purge').addEventListener('click', () => void this.#purge(this.#by.value));
    byId('letters-refresh').addEventListener('click', () => void this.#list());
    byId('letters-replay').addEventListener('click', () => void this.#replay({ refusedBy: this.#by.value }));
    onLanguage(() => {
      this.#showNames();
      this.#show();
    });
  }

  update({ connectors, accounting, collector }: Status): void {
    const names = connectors.map(({ name }) => name);
    if (names.join() !== this.#names.join()) {
      this.#names = names;
      this.#showNames();
    }
    const refused = Object.values(collector?.rejectedEvents ?? {}).reduce((a, b) => a + b, 0);
    const counted = connectors.reduce((sum, one) => sum + one.deadLettered, accounting.deadLettered + refused);
    if (counted === this.#counted || document.hidden) return;
    this.#counted = counted;
    void this.#list();
  }

  async #list(): Promise<void> {
    const query = new URLSearchParams({ limit: String(MOST_SHOWN) });
    if (this.#by.value) query.set('refusedBy', this.#by.value);
    if (this.#text.value) query.set('text', this.#text.value);
    try {
      this.#letters = (await api.deadLetters(query)).deadLetters;
      this.#show();
    } catch (error) {
      sayFailure(this.#message, error);
    }
  }

  async #replay(filter: { readonly refusedBy: string; readonly ids?: readonly string[] }): Promise<void> {
    try {
      const { replayed } = await api.replay(filter);
      await this.#list();
      say(this.#message, word('replayed', { n: formatNumber(replayed) }));
    } catch (error) {
      sayFailure(this.#message, error);
    }
  }

  async #purge(refusedBy: string): Promise<void> {
    const name = refusedBy === COLLECTOR ? word('collector') : refusedBy;
    if (!confirm(word('purgeSure', { name }))) return;
    try {
      const { purged } = await api.purge(refusedBy);
      await this.#list();
      say(this.#message, word('purged', { n: formatNumber(purged) }));
    } catch (error) {
      sayFailure(this.#message, error);
    }
  }

  #showNames(): void {
    const option = (value: string, text: string) => {
      const made = make('option', {}, text);
      made.value = value;
      return made;
    };
    const chosen = this.#by.value;
    const connectors = this.#names.map((name) => option(name, name));
    this.#by.replaceChildren(option('', word('everyone')), option(COLLECTOR, word('collector')), ...connectors);
    this.#by.value = chosen;
  }

  #show(): void {
    if (!this.#letters) return;
    byId('letters-replay').hidden = ['', COLLECTOR].includes(this.#by.value) || this.#letters.length === 0;
    byId('letters-purge').hidden = this.#by.value === '' || this.#letters.length === 0;
    say(this.#message, this.#letters.length === 0 ? word('noLetters') : '');
    byId('letters').replaceChildren(...this.#letters.map((letter) => this.#row(letter)));
  }

  #row(letter: DeadLetter): HTMLElement {
    const { id, refusedBy, code, reason, at, payload, source } = letter;
    const place = source && `${source.topic}-${source.partition}-${source.offset}`;
    const fields = {
      id,
      refusedBy,
      code,
      reason,
      at: new Date(at).toISOString(),
      ...(place ? { place } : {}),
      payload,
    };
    const actions = [button(word('details'), () => showDetails(fields))];
    // What the collector refused never was an event: there is no way back for it.
    if (refusedBy !== COLLECTOR)
      actions.push(button(word('replay'), () => void this.#replay({ refusedBy, ids: [id] })));
    return make(
      'tr',
      { data: { letter: id } },
      make('td', { class: 'time' }, formatTime(at)),
      make('td', {}, foreign(refusedBy === COLLECTOR ? word('collector') : refusedBy)),
      make('td', {}, make('code', {}, code), ' ', foreign(reason)),
      make('td', { class: 'rest' }, foreign(payload)),
      make('td', { class: 'actions' }, ...actions),
    );
  }
}

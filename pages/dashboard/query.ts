import type { FieldValue } from '../../src/sinks/event-query.ts';
import { button, byId, make } from './dom.ts';
import { onLanguage, word } from './words.ts';

/** The form that says which events are wanted. */
export class QueryForm {
  readonly #form = byId<HTMLFormElement>('search');
  readonly #onChange: () => void;
  #conditions: readonly FieldValue[] = [];

  /** `onChange` is called when the form is sent, or a choice in it takes effect at once. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#takeCondition()) onChange();
    });
    this.#input('condition').addEventListener('input', () => this.#input('condition').setCustomValidity(''));
    this.#input('range').addEventListener('change', () => {
      const custom = this.#input('range').value === 'custom';
      for (const label of this.#form.querySelectorAll<HTMLElement>('.custom')) label.hidden = !custom;
      if (!custom) onChange();
    });
    onLanguage(() => this.#showConditions());
  }

  /** Whether new events should show by themselves. */
  get follows(): boolean {
    return this.#input('follow').checked && this.#input('range').value !== 'custom';
  }

  /** The parameters of the operations API. */
  query(): URLSearchParams {
    const { from, to } = this.#range();
    const query = new URLSearchParams();
    if (from !== undefined) query.set('from', String(from));
    if (to !== undefined) query.set('to', String(to));
    for (const name of ['type', 'text']) {
      const value = this.#input(name).value.trim();
      if (value) query.set(name, value);
    }
    for (const { field, value } of this.#conditions) query.append('where', `${field}:${value}`);
    return query;
  }

  /** Asks for one value of a field only. */
  addCondition(field: string, value: string): void {
    const same = (one: FieldValue) => one.field === field && one.value === value;
    if (!this.#conditions.some(same)) this.#conditions = [...this.#conditions, { field, value }];
    this.#showConditions();
  }

  #remove(condition: FieldValue): void {
    this.#conditions = this.#conditions.filter((one) => one !== condition);
    this.#showConditions();
    // The button that had the focus is gone.
    this.#input('condition').focus();
    this.#onChange();
  }

  #range(): { from?: number; to?: number } {
    const chosen = this.#input('range').value;
    if (chosen !== 'custom') return { from: Date.now() - Number(chosen) };
    const time = (name: string) => new Date(this.#input(name).value).getTime();
    const [from, to] = [time('from'), time('to')];
    return { ...(Number.isNaN(from) ? {} : { from }), ...(Number.isNaN(to) ? {} : { to }) };
  }

  #takeCondition(): boolean {
    const input = this.#input('condition');
    const condition = input.value.trim();
    if (!condition) return true;
    if (!/^[^=:]+=/.test(condition)) {
      input.setCustomValidity(word('conditionForm'));
      return !input.reportValidity();
    }
    const equals = condition.indexOf('=');
    this.addCondition(condition.slice(0, equals).trim(), condition.slice(equals + 1).trim());
    input.value = '';
    return true;
  }

  #showConditions(): void {
    byId('conditions').replaceChildren(
      ...this.#conditions.map((condition) => {
        const text = `${condition.field}=${condition.value}`;
        const remove = button(
          '×',
          () => this.#remove(condition),
          word('removeCondition', { condition: text.slice(0, 200) }),
        );
        return make('li', {}, make('bdi', { class: 'foreign', title: text }, text), remove);
      }),
    );
  }

  #input(name: string): HTMLInputElement {
    return this.#form.elements.namedItem(name) as HTMLInputElement;
  }
}

import { button, byId, make } from './dom.ts';
import { onLanguage, word } from './words.ts';

/** The form that says which events are wanted. */
export class QueryForm {
  readonly #form = byId<HTMLFormElement>('search');
  #conditions: string[] = [];

  /** `onChange` is called when the form is sent, or a choice in it takes effect at once. */
  constructor(onChange: () => void) {
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
    byId('conditions').addEventListener('click', (event) => {
      const condition = (event.target as HTMLElement).dataset['condition'];
      if (condition === undefined) return;
      this.#conditions = this.#conditions.filter((one) => one !== condition);
      this.#showConditions();
      onChange();
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
    for (const condition of this.#conditions) query.append('where', condition.replace('=', ':'));
    return query;
  }

  /** Asks for one value of a field only. */
  addCondition(field: string, value: string): void {
    const condition = `${field}=${value}`;
    if (!this.#conditions.includes(condition)) this.#conditions.push(condition);
    this.#showConditions();
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
        const remove = button('×', () => {}, word('removeCondition', { condition: condition.slice(0, 200) }));
        remove.dataset['condition'] = condition;
        return make('li', {}, make('bdi', { class: 'foreign', title: condition }, condition), remove);
      }),
    );
  }

  #input(name: string): HTMLInputElement {
    return this.#form.elements.namedItem(name) as HTMLInputElement;
  }
}

import { byId, make } from './dom.ts';

/** Shows every field of something in full. */
export function showDetails(fields: Readonly<Record<string, unknown>>): void {
  const rows = Object.entries(fields).flatMap(([name, value]) => [
    make('dt', {}, make('bdi', {}, name)),
    make('dd', {}, make('bdi', {}, textOf(value))),
  ]);
  byId('details-fields').replaceChildren(...rows);
  byId<HTMLDialogElement>('details').showModal();
}

/** A value as text: a text as it is, everything else as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

import { ApiError } from './api.ts';
import { word } from './words.ts';

/** Says below a part of the page what went wrong there. */
export function sayFailure(place: HTMLElement, error: unknown): void {
  const { message, help } = error instanceof ApiError ? error : { message: String(error), help: '' };
  place.textContent = word('failed', { message, help }).trim();
  place.dataset['kind'] = 'error';
}

export function say(place: HTMLElement, text: string): void {
  // The same words again would be read out again.
  if (place.textContent !== text) place.textContent = text;
  delete place.dataset['kind'];
}

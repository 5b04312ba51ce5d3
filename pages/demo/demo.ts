import { deliver } from './deliver.ts';
import { isColour, selectColor } from './event.ts';
import type { Place } from './progress.ts';
import { PLACES, watchProgress } from './progress.ts';
import type { Language } from './strings.ts';
import { preferredLanguage, rememberLanguage, showTemplate, strings, translate } from './strings.ts';

type Step = 'sent' | Place;

function find<T extends Element>(selector: string): T {
  const element = document.querySelector<T>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

const form = find<HTMLFormElement>('form');
const nameField = find<HTMLInputElement>('#name');
const ownRadio = find<HTMLInputElement>('[value="own"]');
const ownField = find<HTMLInputElement>('#own');
const well = find<HTMLInputElement>('#well');
const ownFault = find<HTMLElement>('#own-fault');
const answer = find<HTMLElement>('.answer');
const thanks = find<HTMLElement>('#thanks');
const journey = find<HTMLElement>('#journey');
const news = find<HTMLElement>('#news');

let language: Language = preferredLanguage();
/** What was sent last, to thank for it again in the other language. */
let last: { readonly name: string; readonly colour: string } | undefined;
let watching = new AbortController();

find<HTMLElement>('.own').hidden = false;
translate(language);

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-language]')) {
  button.addEventListener('click', () => {
    language = button.dataset['language'] as Language;
    rememberLanguage(language);
    translate(language);
    if (ownFault.textContent) ownFault.textContent = strings[language].ownFault;
    if (last) showThanks();
  });
}

form.addEventListener('change', showChoice);
ownField.addEventListener('input', () => {
  ownRadio.checked = true;
  if (/^#[0-9a-f]{6}$/i.test(ownField.value)) well.value = ownField.value;
  showChoice();
});
well.addEventListener('input', () => {
  ownRadio.checked = true;
  ownField.value = well.value;
  showChoice();
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameField.value.trim();
  const colour = chosenColour();
  if (!name) {
    nameField.value = '';
    nameField.reportValidity();
  } else if (colour) {
    void send(name, colour);
  } else {
    ownFault.textContent = strings[language].ownFault;
    ownField.setAttribute('aria-invalid', 'true');
    ownField.focus();
  }
});

/** The chosen colour, or `undefined` if the visitor's own is none. */
function chosenColour(): string | undefined {
  const value = new FormData(form).get('color');
  if (value !== 'own') return typeof value === 'string' ? value : undefined;
  const own = ownField.value.trim() || well.value;
  return isColour(own) ? own : undefined;
}

function showChoice(): void {
  const colour = chosenColour();
  if (!colour) return;
  ownFault.textContent = '';
  ownField.removeAttribute('aria-invalid');
  document.documentElement.style.setProperty('--chosen', colour);
}

/** Never waits for the collector with anything that the visitor sees of their own answer. */
async function send(name: string, colour: string): Promise<void> {
  watching.abort();
  const mine = new AbortController();
  watching = mine;
  last = { name, colour };
  showThanks();
  startJourney();
  answer.scrollIntoView({ block: 'nearest' });

  const started = performance.now();
  const reach = (step: Step) => showArrival(step, performance.now() - started);
  const event = selectColor(name, colour);
  const delivered = await deliver(event);
  if (mine.signal.aborted) return;
  if (delivered !== 'accepted') {
    journey.hidden = true;
    return;
  }
  reach('sent');
  const isOffered = await watchProgress(event.id, reach, mine.signal);
  if (mine.signal.aborted) return;
  for (const place of PLACES) stepOf(place).hidden = !isOffered;
  for (const step of journey.querySelectorAll('[data-state="waiting"]')) step.removeAttribute('data-state');
}

function showThanks(): void {
  if (!last) return;
  const texts: Readonly<Record<string, string>> = strings[language];
  answer.hidden = false;
  showTemplate(thanks, strings[language].thanks, {
    name: last.name,
    colour: Object.hasOwn(texts, last.colour) ? (texts[last.colour] ?? last.colour) : last.colour,
  });
}

function stepOf(step: Step): HTMLElement {
  return find<HTMLElement>(`[data-step="${step}"]`);
}

function startJourney(): void {
  journey.hidden = false;
  news.textContent = '';
  for (const step of ['sent', ...PLACES] as const) {
    const element = stepOf(step);
    element.hidden = false;
    element.dataset['state'] = 'waiting';
    const time = element.querySelector('time');
    if (time) time.textContent = '';
  }
}

function showArrival(step: Step, afterMs: number): void {
  const element = stepOf(step);
  element.dataset['state'] = 'done';
  const seconds = new Intl.NumberFormat(language, {
    style: 'unit',
    unit: 'second',
    unitDisplay: 'short',
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  }).format(afterMs / 1_000);
  const time = element.querySelector('time');
  if (time) time.textContent = seconds;
  news.textContent = `${strings[language][step]}, ${seconds}`;
}

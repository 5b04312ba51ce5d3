import { followStatus, onTokenNeeded } from './api.ts';
import { Connectors } from './connectors.ts';
import { DeadLetters } from './dead-letters.ts';
import { byId } from './dom.ts';
import { Flow } from './flow.ts';
import { Search } from './search.ts';
import type { Language, Word } from './words.ts';
import { currentLanguage, onLanguage, setLanguage, translatePage, word } from './words.ts';

onLanguage(translatePage);
const language = byId<HTMLSelectElement>('language');
language.value = currentLanguage();
language.addEventListener('change', () => setLanguage(language.value as Language));

onTokenNeeded(
  () =>
    new Promise((resolve) => {
      const dialog = byId<HTMLDialogElement>('token-dialog');
      const form = byId<HTMLFormElement>('token-form');
      const input = form.elements.namedItem('token') as HTMLInputElement;
      // Without the token the page has nothing to show, so leaving the dialog only opens it again.
      dialog.addEventListener('cancel', (event) => event.preventDefault());
      form.addEventListener(
        'submit',
        () => {
          resolve(input.value);
          input.value = '';
        },
        { once: true },
      );
      dialog.showModal();
    }),
);

const parts = [new Flow(), new Connectors(), new Search(), new DeadLetters()];
const connection = byId('connection');
const sayConnection = () => {
  const text = word(connection.dataset['state'] as Word);
  if (connection.textContent !== text) connection.textContent = text;
};
onLanguage(sayConnection);

void followStatus({
  status: (status) => {
    for (const part of parts) part.update(status);
  },
  state: (state) => {
    connection.dataset['state'] = state;
    sayConnection();
  },
});

/** Every text of the page, in each language. `{name}` and `{colour}` stand for what the visitor entered. */
export const strings = {
  en: {
    title: 'What is your favourite colour?',
    lead: 'Your answer is one event. Send it, and watch it travel.',
    name: 'Your name',
    colour: 'Favourite colour',
    crimson: 'Crimson',
    tomato: 'Tomato',
    orange: 'Orange',
    gold: 'Gold',
    limegreen: 'Lime green',
    seagreen: 'Sea green',
    turquoise: 'Turquoise',
    deepskyblue: 'Sky blue',
    royalblue: 'Royal blue',
    rebeccapurple: 'Purple',
    hotpink: 'Pink',
    slategray: 'Slate',
    own: 'Another one',
    well: 'Pick from all colours',
    ownName: 'CSS name or hex',
    ownFault: 'Enter a colour a browser knows, such as teal or #7a5cff.',
    send: 'Send',
    thanks: 'Thank you, {name}. {colour} it is!',
    journey: 'Where your event is now',
    sent: 'Sent',
    sentMeans: 'the collector took it',
    log: 'In the log',
    logMeans: 'durable, in order',
    files: 'In the files',
    filesMeans: 'finished and readable',
    search: 'In search',
    searchMeans: 'found by time, text, colour',
  },
  ko: {
    title: '어떤 색을 가장 좋아하세요?',
    lead: '답 하나가 이벤트 하나입니다. 보내고 나서 어디까지 갔는지 지켜보세요.',
    name: '이름',
    colour: '좋아하는 색',
    crimson: '진홍',
    tomato: '토마토',
    orange: '주황',
    gold: '금색',
    limegreen: '연두',
    seagreen: '바다초록',
    turquoise: '청록',
    deepskyblue: '하늘',
    royalblue: '파랑',
    rebeccapurple: '보라',
    hotpink: '분홍',
    slategray: '청회색',
    own: '다른 색',
    well: '모든 색에서 고르기',
    ownName: 'CSS 색 이름 또는 16진수',
    ownFault: 'teal이나 #7a5cff처럼 브라우저가 아는 색을 적어 주세요.',
    send: '보내기',
    thanks: '{name} 님, 고맙습니다. 고른 색은 {colour}!',
    journey: '이벤트가 지금 있는 곳',
    sent: '전송됨',
    sentMeans: '수집기가 받음',
    log: '로그',
    logMeans: '순서대로 안전하게 보관',
    files: '파일',
    filesMeans: '완성되어 읽을 수 있음',
    search: '검색',
    searchMeans: '시간·글·색으로 찾을 수 있음',
  },
} as const;

export type Language = keyof typeof strings;
export type StringKey = keyof (typeof strings)['en'];

const REMEMBERED = 'millrace-language';

/** The visitor's earlier choice, else the first of the browser's languages that the page speaks, else English. */
export function preferredLanguage(): Language {
  const isLanguage = (word: string | null | undefined): word is Language => word != null && word in strings;
  const remembered = withStorage((storage) => storage.getItem(REMEMBERED));
  if (isLanguage(remembered)) return remembered;
  return navigator.languages.map((tag) => tag.split('-')[0]).find(isLanguage) ?? 'en';
}

export function rememberLanguage(language: Language): void {
  withStorage((storage) => storage.setItem(REMEMBERED, language));
}

/** A browser may forbid storage, by throwing even when it is only looked at. */
function withStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}

/** Puts every text of the page into one language. */
export function translate(language: Language): void {
  const texts = strings[language];
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
    element.textContent = texts[element.dataset['text'] as StringKey];
  }
  for (const element of document.querySelectorAll<HTMLElement>('[data-label]')) {
    element.setAttribute('aria-label', texts[element.dataset['label'] as StringKey]);
  }
  for (const button of document.querySelectorAll<HTMLElement>('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset['language'] === language));
  }
}

/**
 * Shows a template with what the visitor entered in it, as text, each value isolated so that
 * one written from right to left does not turn the sentence around it.
 */
export function showTemplate(element: HTMLElement, template: string, values: Readonly<Record<string, string>>): void {
  element.replaceChildren(
    ...template.split(/\{(\w+)\}/).map((part, index) => {
      if (index % 2 === 0) return part;
      const isolated = document.createElement('bdi');
      isolated.textContent = values[part] ?? '';
      return isolated;
    }),
  );
}

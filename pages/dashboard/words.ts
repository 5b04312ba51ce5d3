const english = {
  skip: 'Skip to content',
  language: 'Language',
  connecting: 'Connecting …',
  live: 'Live',
  lost: 'Connection lost; trying again …',
  unavailable: 'The status can’t be read',
  uptime: 'up {time}',
  flow: 'Flow',
  ratesTitle: 'Events a second',
  lagTitle: 'Lag, in records',
  accepted: 'Accepted',
  delivered: 'Delivered',
  loaded: 'Loaded: {name}',
  loadedTile: 'Loaded',
  lag: 'Lag',
  buffer: 'Buffer',
  rejected: 'Rejected',
  shed: 'Turned away',
  deadLetters: 'Dead letters',
  dropped: 'Dropped',
  perSecond: '{n}/s',
  total: '{n} in all',
  ofLimit: 'of {size}',
  duplicates: 'Duplicates',
  restarts: 'Restarts',
  topics: 'Topics',
  connectors: 'Connectors',
  noConnectors: 'No connector is configured.',
  pause: 'Pause',
  resume: 'Resume',
  restart: 'Restart',
  actionOn: '{action} {name}',
  done: '{action}: {name}',
  RUNNING: 'Running',
  PAUSED: 'Paused',
  STOPPED: 'Stopped',
  FAILED: 'Failed',
  RESTARTING: 'Restarting',
  UNASSIGNED: 'Unassigned',
  events: 'Events',
  range: 'Time',
  range5m: 'Last 5 minutes',
  range1h: 'Last hour',
  range24h: 'Last 24 hours',
  range7d: 'Last 7 days',
  rangeCustom: 'From … to …',
  from: 'From',
  to: 'To',
  type: 'Type',
  text: 'Text',
  textHint: 'words, or begin*',
  condition: 'Field = value',
  conditions: 'Conditions',
  removeCondition: 'Remove {condition}',
  conditionForm: 'Write a condition as field=value.',
  find: 'Search',
  follow: 'Follow live',
  histogramTitle: 'Over time',
  histogramSummary: '{n} events, a bar is {interval}',
  breakdownTitle: 'By field',
  field: 'Field',
  onlyValue: 'Only {value}: {n} events',
  resultsCaption: 'Events found, newest first',
  nothingFound: 'No event matches.',
  time: 'Time',
  user: 'User',
  colour: 'Colour',
  rest: 'Other fields',
  details: 'Details',
  older: 'Older events',
  deadLettersHint: 'Records that a store or the collector refused, kept with the reason.',
  refusedBy: 'Refused by',
  everyone: 'Everyone',
  collector: 'Collector',
  lettersText: 'Reason or payload contains',
  refresh: 'Refresh',
  reason: 'Reason',
  payload: 'Payload',
  actions: 'Actions',
  replay: 'Replay',
  replayAll: 'Replay all',
  replayed: '{n} replayed.',
  purge: 'Drop all for good',
  purgeSure: 'Drop all dead letters of {name} for good? There is no way back.',
  purged: '{n} dropped.',
  noLetters: 'There are no dead letters.',
  close: 'Close',
  tokenTitle: 'Token needed',
  tokenHint: 'This server asks for the token of its configuration (operations.token).',
  tokenLabel: 'Token',
  enter: 'Enter',
  failed: '{message} {help}',
};

export type Word = keyof typeof english;

const korean: Readonly<Record<Word, string>> = {
  skip: '본문으로 건너뛰기',
  language: '언어',
  connecting: '연결 중 …',
  live: '실시간',
  lost: '연결이 끊겼습니다. 다시 시도합니다 …',
  unavailable: '상태를 읽을 수 없습니다',
  uptime: '{time} 동안 실행 중',
  flow: '흐름',
  ratesTitle: '초당 이벤트',
  lagTitle: '지연(레코드 수)',
  accepted: '수신',
  delivered: '전달',
  loaded: '적재: {name}',
  loadedTile: '적재',
  lag: '지연',
  buffer: '버퍼',
  rejected: '거부',
  shed: '과부하 거절',
  deadLetters: '데드 레터',
  dropped: '유실',
  perSecond: '{n}/초',
  total: '모두 {n}건',
  ofLimit: '한도 {size}',
  duplicates: '중복',
  restarts: '재시작 횟수',
  topics: '토픽',
  connectors: '커넥터',
  noConnectors: '설정된 커넥터가 없습니다.',
  pause: '일시 정지',
  resume: '재개',
  restart: '다시 시작',
  actionOn: '{name} {action}',
  done: '{name}: {action}',
  RUNNING: '실행 중',
  PAUSED: '일시 정지됨',
  STOPPED: '정지됨',
  FAILED: '실패',
  RESTARTING: '다시 시작하는 중',
  UNASSIGNED: '할당 안 됨',
  events: '이벤트',
  range: '시간',
  range5m: '최근 5분',
  range1h: '최근 1시간',
  range24h: '최근 24시간',
  range7d: '최근 7일',
  rangeCustom: '직접 지정',
  from: '시작',
  to: '끝',
  type: '유형',
  text: '텍스트',
  textHint: '단어 또는 앞부분*',
  condition: '필드 = 값',
  conditions: '조건',
  removeCondition: '{condition} 조건 지우기',
  conditionForm: '조건은 필드=값 형식으로 쓰세요.',
  find: '검색',
  follow: '실시간 갱신',
  histogramTitle: '시간별',
  histogramSummary: '{n}건, 막대 하나는 {interval}',
  breakdownTitle: '필드별',
  field: '필드',
  onlyValue: '{value}만 보기: {n}건',
  resultsCaption: '찾은 이벤트, 최신순',
  nothingFound: '맞는 이벤트가 없습니다.',
  time: '시간',
  user: '사용자',
  colour: '색상',
  rest: '다른 필드',
  details: '자세히',
  older: '이전 이벤트',
  deadLettersHint: '저장소나 수집기가 거부한 레코드를 이유와 함께 보관합니다.',
  refusedBy: '거부한 곳',
  everyone: '전체',
  collector: '수집기',
  lettersText: '이유나 내용에 포함된 말',
  refresh: '새로 고침',
  reason: '이유',
  payload: '내용',
  actions: '작업',
  replay: '다시 보내기',
  replayAll: '모두 다시 보내기',
  replayed: '{n}건을 다시 보냈습니다.',
  purge: '모두 영구 삭제',
  purgeSure: '{name}의 데드 레터를 모두 영구히 삭제할까요? 되돌릴 수 없습니다.',
  purged: '{n}건을 삭제했습니다.',
  noLetters: '데드 레터가 없습니다.',
  close: '닫기',
  tokenTitle: '토큰 필요',
  tokenHint: '이 서버는 설정의 토큰(operations.token)을 요구합니다.',
  tokenLabel: '토큰',
  enter: '입력',
  failed: '{message} {help}',
};

export type Language = 'en' | 'ko';

const STORED = 'millrace-language';
let language: Language = storedLanguage() ?? (navigator.language.startsWith('ko') ? 'ko' : 'en');
const listeners: (() => void)[] = [];

export function currentLanguage(): Language {
  return language;
}

/** The word in the current language; `{name}` stands for a value. */
export function word(key: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const template = (language === 'ko' ? korean : english)[key];
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** Calls back now, and whenever the language changes. */
export function onLanguage(listener: () => void): void {
  listeners.push(listener);
  listener();
}

export function setLanguage(chosen: Language): void {
  language = chosen;
  localStorage.setItem(STORED, chosen);
  for (const listener of listeners) listener();
}

/** Puts the words into the page's own text: `data-word`, `data-placeholder`, `data-label`. */
export function translatePage(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>('[data-word]'))
    element.textContent = word(element.dataset['word'] as Word);
  for (const input of document.querySelectorAll<HTMLInputElement>('[data-placeholder]'))
    input.placeholder = word(input.dataset['placeholder'] as Word);
  for (const element of document.querySelectorAll<HTMLElement>('[data-label]'))
    element.ariaLabel = word(element.dataset['label'] as Word);
}

function storedLanguage(): Language | undefined {
  const stored = localStorage.getItem(STORED);
  return stored === 'en' || stored === 'ko' ? stored : undefined;
}

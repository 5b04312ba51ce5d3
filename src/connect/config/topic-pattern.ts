/** The longest that `topics.regex` may be. */
const MOST_CHARACTERS = 500;

/** Each multiplies the ways to match a name of 249 characters by its length; more could take seconds. */
const MOST_REPEATS = 2;

/** Groups and "?": each multiplies the ways by its alternatives. */
const MOST_BRANCHES = 6;

/** What may stand between two backslashes, brackets and parentheses of a pattern that can't run away. */
const TOKEN = /\\[.\-_dDwW]|\[\^?[A-Za-z0-9._-]+\]|\(\?:|[()|.^$*+?]|\{\d{1,3}(?:,\d{0,3})?\}|[A-Za-z0-9_-]/gy;

/** What is wrong with a pattern of topics, as the rest of a sentence; `undefined` if nothing is. */
export function checkTopicPattern(pattern: string): string | undefined {
  if (pattern === '' || pattern.length > MOST_CHARACTERS) return `must have 1 to ${MOST_CHARACTERS} characters`;
  const tokens = pattern.match(TOKEN) ?? [];
  if (tokens.join('') !== pattern) {
    return 'may have letters, digits, "-", "_", ".", classes in brackets, groups, "|" and repeats, and nothing else';
  }
  const repeats = tokens.filter((token) => isRepeat(token)).length;
  if (repeats > MOST_REPEATS) return `may repeat (*, + or {}) no more than ${MOST_REPEATS} times`;
  const branches = tokens.filter((token) => token.startsWith('(') || token === '?').length;
  if (branches > MOST_BRANCHES) return `may have no more than ${MOST_BRANCHES} groups and "?" together`;
  // A repeat within a repeat is what takes exponential time.
  if (tokens.some((token, at) => isRepeat(token) && tokens[at - 1] === ')')) return 'may not repeat a group';
  try {
    new RegExp(pattern, 'u');
  } catch {
    return 'is not a regular expression';
  }
  return undefined;
}

/** Of a pattern without faults: a test of whole names, as Kafka Connect does it. */
export function topicPattern(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'u');
}

function isRepeat(token: string): boolean {
  return token === '*' || token === '+' || token.startsWith('{');
}

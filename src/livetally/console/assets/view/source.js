/**
 * What a source's state means, in words.
 *
 * In the flow: receives a source as the server tells it, hands words to the page of sources and its parts.
 * Guarantee: pure; the same source at the same moment is described alike everywhere.
 */

/** @typedef {import('../data/contract.js').Source} Source */
/** @typedef {'fetching' | 'due' | 'failing' | 'running' | 'stopped'} SourceState */

/** @type {Readonly<Record<SourceState, string>>} */
export const STATE_WORDS = { fetching: 'Fetching', due: 'Starting', failing: 'Failing', running: 'Running', stopped: 'Stopped' };

const COUNTED = new Intl.NumberFormat(undefined);
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });
/** @type {readonly ['day' | 'hour' | 'minute' | 'second', number][]} with their seconds */
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** @param {Source} source @returns {SourceState} */
export function stateOf({ fetching, wanted, running, last_error: error }) {
  if (fetching) return 'fetching';
  if (wanted) return 'due';
  if (!running) return 'stopped';
  return error ? 'failing' : 'running';
}

/** Whether it fetches, or will within a second. @param {Source} source */
export function isBusy({ fetching, wanted }) {
  return Boolean(fetching || wanted);
}

/** @param {Source} source */
export function nameOf({ title, name }) {
  return title || name;
}

/** @param {number | undefined} count @returns {string} */
export function countText(count) {
  return COUNTED.format(count ?? 0);
}

/** How far off a moment is, in its largest unit: `12 sec. ago`, `in 4 min.`. @param {number} ms @param {number} now @returns {string} */
export function distanceText(ms, now) {
  const seconds = Math.round((ms - now) / 1000);
  const [unit, length] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? ['second', 1];
  if (seconds === 0) return 'now';
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

/**
 * A schedule taken apart for a form; what it does not know becomes an interval.
 * @param {string} text as `Source.schedule`
 * @returns {{ kind: 'every' | 'cron', count: string, unit: string, cron: string, tz: string }}
 */
export function scheduleParts(text) {
  const cron = /^cron (.+) \((.+)\)$/.exec(text);
  if (cron) return { kind: 'cron', count: '5', unit: 'minutes', cron: cron[1] ?? '', tz: cron[2] ?? 'UTC' };
  const every = /^every (\d+) (second|minute|hour|day|week)s?$/.exec(text);
  return { kind: 'every', count: every?.[1] ?? '5', unit: `${every?.[2] ?? 'minute'}s`, cron: '0 6 * * *', tz: 'UTC' };
}

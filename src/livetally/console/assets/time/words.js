/**
 * Times in words: short, unambiguous, 24 hours, the month by name.
 *
 * In the flow: receives instants and zones, hands text to every part that shows a time.
 * Guarantee: 03/04 is never written, because half the world reads it as the other day.
 */

import { civilOf, nextOf, two } from './calendar.js';

/** @typedef {import('./calendar.js').Interval} Interval */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * The name of the bucket that starts at `ms`.
 * @param {number} ms
 * @param {Interval} interval
 * @param {string} tz
 * @returns {string}
 */
export function bucketText(ms, interval, tz) {
  const { year, month, day, hour, minute } = civilOf(ms, tz);
  const date = `${day} ${MONTHS[month - 1]} ${year}`;
  if (interval === 'minute') return `${date}, ${two(hour)}:${two(minute)}`;
  if (interval === 'hour') return `${date}, ${two(hour)}:${two(minute)}`;
  if (interval === 'day') return `${weekday(ms, tz)} ${date}`;
  if (interval === 'week') return `Week of ${date}`;
  if (interval === 'month') return `${MONTHS[month - 1]} ${year}`;
  return interval === 'quarter' ? `Q${(month + 2) / 3} ${year}` : String(year);
}

/** An instant to the minute, in its zone. @param {number} ms @param {string} tz @returns {string} */
export function momentText(ms, tz) {
  const { year, month, day, hour, minute } = civilOf(ms, tz);
  const date = `${day} ${MONTHS[month - 1]} ${year}`;
  return hour || minute ? `${date}, ${two(hour)}:${two(minute)}` : date;
}

/**
 * A stretch of time; `to` is exclusive, and an end at midnight is named by the last day in it.
 * @param {number | null} fromMs
 * @param {number | null} toMs
 * @param {string} tz
 * @returns {string}
 */
export function rangeText(fromMs, toMs, tz) {
  if (fromMs !== null && toMs !== null && isYear(fromMs, toMs, tz)) return String(civilOf(fromMs, tz).year);
  const from = fromMs === null ? null : momentText(fromMs, tz);
  const to = toMs === null ? null : lastText(toMs, tz);
  if (from && to) return from === to ? from : `${from} – ${to}`;
  return from ? `Since ${from}` : `Until ${to}`;
}

/** @param {number} toMs @param {string} tz */
function lastText(toMs, tz) {
  const { hour, minute } = civilOf(toMs, tz);
  return hour || minute ? momentText(toMs, tz) : momentText(toMs - 1, tz).split(',')[0];
}

/** @param {number} fromMs @param {number} toMs @param {string} tz */
function isYear(fromMs, toMs, tz) {
  const { month, day, hour, minute } = civilOf(fromMs, tz);
  return month === 1 && day === 1 && !hour && !minute && nextOf(fromMs, 'year', tz) === toMs;
}

/** @param {number} ms @param {string} tz */
function weekday(ms, tz) {
  const { year, month, day } = civilOf(ms, tz);
  return DAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()];
}

/** An instant to the second. @param {number} ms @param {string} tz @returns {string} */
export function instantText(ms, tz) {
  const { year, month, day, hour, minute } = civilOf(ms, tz);
  const seconds = Math.floor((((ms % 60_000) + 60_000) % 60_000) / 1000);
  return `${day} ${MONTHS[month - 1]} ${year}, ${two(hour)}:${two(minute)}:${two(seconds)}`;
}

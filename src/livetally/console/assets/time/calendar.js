/**
 * Civil time in any zone: where a bucket starts and where the next one does.
 *
 * In the flow: receives instants from `view/series.js` and `ranges.js`, hands them bucket edges.
 * Guarantee: the edges are the server's own (civil midnights, ISO weeks from Monday), on both DST days too,
 * so that a bucket which the server leaves out because nothing happened can be drawn where it belongs.
 */

/** @typedef {'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year'} Interval */
/** @typedef {{ year: number, month: number, day: number, hour: number, minute: number }} Civil month is 1..12 */

/** @type {readonly Interval[]} */
export const INTERVALS = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** About how long a bucket is; exact only for minutes and hours. @type {Record<Interval, number>} */
export const ABOUT_MS = {
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30.44 * DAY_MS,
  quarter: 91.31 * DAY_MS,
  year: 365.24 * DAY_MS,
};

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** A chart asks for the same edges four times a second; the browser takes microseconds for each. @type {Map<string, Map<number, number>>} */
const offsets = new Map();
const OFFSETS_MAX = 50_000;

/** @param {string} tz @returns {Intl.DateTimeFormat} */
function formatOf(tz) {
  let format = formats.get(tz);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: tz,
      hourCycle: 'h23',
      era: 'narrow',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(tz, format);
  }
  return format;
}

/**
 * Take an instant apart into the civil time of `tz`.
 * @param {number} ms since 1970-01-01T00:00Z
 * @param {string} tz IANA name
 * @returns {Civil}
 */
export function civilOf(ms, tz) {
  const shifted = new Date(ms + offsetMs(ms, tz));
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
  };
}

/**
 * How far `tz` is ahead of UTC at an instant.
 * @param {number} ms
 * @param {string} tz
 * @returns {number} milliseconds, negative west of Greenwich
 */
export function offsetMs(ms, tz) {
  if (tz === 'UTC') return 0;
  let known = offsets.get(tz);
  if (!known || known.size > OFFSETS_MAX) offsets.set(tz, (known = new Map()));
  let offset = known.get(ms);
  if (offset === undefined) known.set(ms, (offset = readOffset(ms, tz)));
  return offset;
}

/** @param {number} ms @param {string} tz */
function readOffset(ms, tz) {
  /** @type {Record<string, string>} */
  const part = {};
  for (const { type, value } of formatOf(tz).formatToParts(ms)) part[type] = value;
  const year = part.era === 'B' ? 1 - Number(part.year) : Number(part.year);
  const wall = utc(year, Number(part.month), Number(part.day), Number(part.hour), Number(part.minute));
  return wall + Number(part.second) * 1000 - Math.floor(ms / 1000) * 1000;
}

/**
 * The instant of a civil time: the first of two when clocks go back, the one after the gap when they go forward.
 * @param {Civil} civil fields may overflow: month 13 is January of the next year
 * @param {string} tz
 * @returns {number} ms
 */
export function instantOf(civil, tz) {
  const wall = utc(civil.year, civil.month, civil.day, civil.hour, civil.minute);
  const before = wall - offsetMs(wall - DAY_MS, tz);
  if (before + offsetMs(before, tz) === wall) return before;
  const after = wall - offsetMs(wall + DAY_MS, tz);
  // In a gap neither offset gives the wall time back; the offset before it names the moment clocks jumped to.
  return after + offsetMs(after, tz) === wall ? after : before;
}

/**
 * The start of the bucket that holds an instant.
 * @param {number} ms
 * @param {Interval} interval
 * @param {string} tz
 * @returns {number} ms
 */
export function startOf(ms, interval, tz) {
  if (interval === 'minute' || interval === 'hour') {
    const size = ABOUT_MS[interval];
    const offset = offsetMs(ms, tz);
    return Math.floor((ms + offset) / size) * size - offset;
  }
  const civil = { ...civilOf(ms, tz), hour: 0, minute: 0 };
  if (interval === 'week') civil.day -= (new Date(utc(civil.year, civil.month, civil.day, 0, 0)).getUTCDay() + 6) % 7;
  if (interval === 'month') civil.day = 1;
  if (interval === 'quarter') Object.assign(civil, { month: civil.month - ((civil.month - 1) % 3), day: 1 });
  if (interval === 'year') Object.assign(civil, { month: 1, day: 1 });
  return instantOf(civil, tz);
}

/**
 * The end of the bucket that starts at `start`, which is the start of the next.
 * @param {number} start ms
 * @param {Interval} interval
 * @param {string} tz
 * @returns {number} ms
 */
export function nextOf(start, interval, tz) {
  if (interval === 'minute' || interval === 'hour') return start + ABOUT_MS[interval];
  return instantOf(addCivil(civilOf(start, tz), interval, 1), tz);
}

/**
 * Move a civil time by whole intervals; days of a month overflow, which `instantOf` takes.
 * @param {Civil} civil
 * @param {Interval} interval
 * @param {number} count
 * @returns {Civil}
 */
export function addCivil(civil, interval, count) {
  const moved = { ...civil };
  if (interval === 'minute') moved.minute += count;
  else if (interval === 'hour') moved.hour += count;
  else if (interval === 'day') moved.day += count;
  else if (interval === 'week') moved.day += 7 * count;
  else if (interval === 'month') moved.month += count;
  else if (interval === 'quarter') moved.month += 3 * count;
  else moved.year += count;
  return moved;
}

/** The civil date as `2013-01-31`. @param {number} ms @param {string} tz @returns {string} */
export function dateText(ms, tz) {
  const { year, month, day } = civilOf(ms, tz);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** Midnight of a date such as `2013-01-31` in `tz`. @param {string} text @param {string} tz @returns {number} ms, or NaN */
export function midnightOf(text, tz) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!found) return NaN;
  return instantOf({ year: Number(found[1]), month: Number(found[2]), day: Number(found[3]), hour: 0, minute: 0 }, tz);
}

/** @param {number} number @returns {string} two digits */
export function two(number) {
  return String(number).padStart(2, '0');
}

/** Date.UTC without its rule that years 0 to 99 mean 19xx. @param {number} year @param {number} month @param {number} day @param {number} hour @param {number} minute */
function utc(year, month, day, hour, minute) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute);
  return date.getTime();
}

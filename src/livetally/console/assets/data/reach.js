/**
 * From when to when there is data, found with three small questions.
 *
 * In the flow: receives a metric from the dashboard, hands back its reach and the years in it.
 * Guarantee: costs a few hundred rows at most, whatever the number of events.
 */

import { ABOUT_MS, civilOf } from '../time/calendar.js';
import { askedBy } from '../view/question.js';
import { get } from './api.js';

/** @typedef {{ firstMs: number | null, lastMs: number | null, years: number[] }} DataReach `years` newest first */

/** @type {DataReach} */
export const NO_REACH = { firstMs: null, lastMs: null, years: [] };

/**
 * @param {import('./contract.js').Metric} metric
 * @param {string} tz
 * @param {number} now ms
 * @returns {Promise<DataReach>}
 * @throws {import('./api.js').Problem}
 */
export async function measureReach(metric, tz, now) {
  const [months, hours, minutes] = await Promise.all([
    starts(metric, { interval: 'month', tz }),
    starts(metric, { interval: 'hour', tz, from: ago(now, ABOUT_MS.week + ABOUT_MS.hour) }),
    starts(metric, { interval: 'minute', tz, from: ago(now, ABOUT_MS.hour) }),
  ]);
  const lastMonth = months.at(-1);
  if (lastMonth === undefined) return NO_REACH;
  const lastHour = hours.at(-1);
  // Within a longer bucket the newest event may be anywhere; take the end, but not later than finer answers allow.
  const lastMs =
    minutes.at(-1) ??
    (lastHour !== undefined
      ? Math.min(lastHour + ABOUT_MS.hour, now - ABOUT_MS.hour)
      : Math.min(lastMonth + ABOUT_MS.month, now - ABOUT_MS.week));
  const years = [...new Set(months.map((ms) => civilOf(ms, tz).year))].sort((one, other) => other - one);
  return { firstMs: months[0] ?? null, lastMs, years };
}

/** @param {number} now @param {number} ms */
function ago(now, ms) {
  return new Date(Math.floor((now - ms) / ABOUT_MS.minute) * ABOUT_MS.minute).toISOString();
}

/** @param {import('./contract.js').Metric} metric @param {Record<string, string>} query @returns {Promise<number[]>} */
async function starts(metric, query) {
  const asked = askedBy(metric);
  const answer = await get(`v1/${asked}${asked.includes('?') ? '&' : '?'}${new URLSearchParams(query)}`);
  return answer.rows.map((/** @type {{ time: string }} */ row) => Date.parse(row.time));
}

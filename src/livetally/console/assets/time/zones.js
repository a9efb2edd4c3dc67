/**
 * The time zones that can be chosen, and finding one by typing.
 *
 * In the flow: receives the browser's list of IANA zones, hands `parts/zone-picker.js` what matches.
 * Guarantee: the reader's own zone and UTC come first; every zone shows its offset at the moment.
 */

import { offsetMs } from './calendar.js';

const COMMON = [
  'America/Los_Angeles',
  'America/New_York',
  'America/Sao_Paulo',
  'Europe/London',
  'Europe/Berlin',
  'Europe/Oslo',
  'Africa/Johannesburg',
  'Asia/Dubai',
  'Asia/Kolkata',
  'Asia/Singapore',
  'Asia/Tokyo',
  'Australia/Sydney',
];

/** Browsers list some zones by names that the IANA database has replaced. @type {Record<string, string>} */
const RENAMED = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

/** The reader's own zone. @returns {string} */
export function ownZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  return RENAMED[zone] ?? zone;
}

/** @param {string} tz @returns {boolean} */
export function isZone(tz) {
  try {
    new Intl.DateTimeFormat('en', { timeZone: tz });
    return true;
  } catch {
    return false;
  }
}

/**
 * Zones that match what was typed; all of them, common ones first, when nothing was.
 * @param {string} typed
 * @param {number} limit
 * @returns {string[]}
 */
export function findZones(typed, limit) {
  const words = plain(typed).split(' ').filter(Boolean);
  const listed = Intl.supportedValuesOf('timeZone').map((zone) => RENAMED[zone] ?? zone);
  const every = [...new Set([ownZone(), 'UTC', ...COMMON, ...listed])];
  const matching = every.filter((zone) => words.every((word) => plain(zone).includes(word)));
  return matching.slice(0, limit);
}

/** `America/New_York` as people write it. @param {string} tz @returns {string} */
export function zoneTitle(tz) {
  return tz.replaceAll('_', ' ');
}

/** The offset at an instant, such as `UTC+05:45`. @param {string} tz @param {number} ms @returns {string} */
export function offsetText(tz, ms) {
  const minutes = Math.round(offsetMs(ms, tz) / 60_000);
  const sign = minutes < 0 ? '−' : '+';
  const size = Math.abs(minutes);
  return `UTC${sign}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
}

/** @param {string} text @returns {string} */
function plain(text) {
  return text.toLowerCase().replace(/[_/]/g, ' ');
}

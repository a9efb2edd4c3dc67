/**
 * What a list page asks: the reader's filters and range, as the server takes them.
 *
 * In the flow: receives the address from the pages of events and entities, hands them a path to ask.
 * Guarantee: what a link says is what is asked; a name that the reader did not choose is not sent.
 */

import { choicesOf } from './question.js';

/** The range of a list is everything, unless the reader says otherwise. */
const ALL = { range: 'all', interval: '' };

/** @param {URLSearchParams} address @param {number} now @returns {import('./question.js').Choices} */
export function listChoices(address, now) {
  return choicesOf(address, now, { firstMs: 0, lastMs: now }, ALL);
}

/**
 * @param {string} path
 * @param {Record<string, string | number | readonly string[] | null | undefined>} parameters empty ones are left out
 * @returns {string}
 */
export function pathOf(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value ?? []].flat()) if (one !== '') query.append(name, String(one));
  }
  return query.size ? `${path}?${query}` : path;
}

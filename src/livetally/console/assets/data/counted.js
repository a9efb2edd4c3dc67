/**
 * Which statistics and entities one event is part of.
 *
 * In the flow: receives an event and the definitions from the page of events, asks the server about conditions.
 * Guarantee: whether an event meets a metric's conditions is decided by the server's own rules, asked of this one event;
 * nothing here repeats them.
 */

import { pathOf } from '../view/paging.js';
import { get } from './api.js';
import { titleOf } from './catalog.js';

/** @typedef {import('./catalog.js').Catalog} Catalog */
/** @typedef {import('./contract.js').StoredEvent} StoredEvent */
/** @typedef {{ name: string, title: string, kind: 'metric' }} CountedMetric */
/** @typedef {{ name: string, title: string, kind: 'entity', key: string }} CountedEntity */

/**
 * @param {StoredEvent} event
 * @param {Catalog} catalog
 * @returns {Promise<{ metrics: CountedMetric[], entities: CountedEntity[] }>}
 * @throws {import('./api.js').Problem}
 */
export async function countedBy(event, catalog) {
  const definitions = catalog.applications.flatMap((one) => Object.entries(one.metric ?? {}));
  const counts = await Promise.all(
    definitions.map(async ([name, { of = [] }]) => {
      const terms = of.filter((term) => term.event === event.type);
      return (await anyOf(terms.map((term) => meets(event, term.where ?? [])))) ? name : null;
    }),
  );
  const names = new Set(counts.filter((name) => name !== null));
  const metrics = [...catalog.metrics.values()].filter(({ name, ratio }) => names.has(name) || ratio?.some((one) => names.has(one)));
  return {
    metrics: metrics.map((one) => ({ name: one.name, title: titleOf(one), kind: 'metric' })),
    entities: entitiesOf(event, catalog),
  };
}

/** @param {StoredEvent} event @param {Catalog} catalog @returns {CountedEntity[]} */
function entitiesOf(event, { applications }) {
  return applications
    .flatMap((one) => Object.entries(one.entity ?? {}))
    .filter(([, entity]) => entity.events.includes(event.type))
    .map(([name, entity]) => ({ name, title: entity.title || name, kind: /** @type {const} */ ('entity'), key: keyIn(event, entity.key) }))
    .filter(({ key }) => key !== '');
}

/** @param {StoredEvent} event @param {string} path @returns {string} */
function keyIn(event, path) {
  if (path === 'subject') return event.subject;
  /** @type {any} */
  let value = event.data;
  for (const part of path.replace(/^data\./, '').split('.')) value = value?.[part];
  return value === null || value === undefined ? '' : String(value);
}

/** @param {StoredEvent} event @param {readonly string[]} where @returns {Promise<boolean>} */
async function meets(event, where) {
  if (!where.length) return true;
  const found = await get(pathOf('v1/events', oneEvent(event, where)));
  return found.events.length > 0;
}

/** The question for one event: its id, within the microsecond in which it occurred. @param {{ id: string, time: string, type?: string }} event @param {readonly string[]} [where] */
export function oneEvent({ id, time, type }, where = []) {
  return { type, from: time, to: afterText(time), where: [`id:${JSON.stringify(id)}`, ...where], limit: 1 };
}

/** A microsecond later, as RFC 3339; a Date has milliseconds only. @param {string} time in UTC @returns {string} */
function afterText(time) {
  const [whole = '', fraction = ''] = time.replace(/(Z|\+00:00)$/, '').split('.');
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6)) + 1;
  const seconds = Date.parse(`${whole}Z`) + Math.floor(micros / 1_000_000) * 1000;
  return `${new Date(seconds).toISOString().slice(0, 19)}.${String(micros % 1_000_000).padStart(6, '0')}Z`;
}

/** @param {Promise<boolean>[]} answers */
async function anyOf(answers) {
  return (await Promise.all(answers)).includes(true);
}

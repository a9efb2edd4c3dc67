/**
 * What can be looked at: metrics, declared dashboards, and one of all metrics.
 *
 * In the flow: receives definitions from `api.js`, hands dashboards to the shell and the pages.
 * Guarantee: every metric is on at least one dashboard, so that one which was just defined can be seen at once.
 */

import { isAdditive, valueOfNothing } from '../view/numbers.js';
import { get } from './api.js';
import { exampleOf } from './example.js';

/** @typedef {import('./contract.js').Metric} Metric */
/** @typedef {import('./contract.js').Application} Application */

/**
 * @typedef {object} Panel one thing on a page
 * @property {import('./contract.js').Panel['kind']} kind
 * @property {string} key no other panel of the page has it
 * @property {Metric[]} metrics
 * @property {string[]} missing names of metrics that do not exist (any more)
 * @property {[string, import('./contract.js').Entity] | null} entity name and definition of what an `entities` panel lists
 * @property {string | null} by
 * @property {string[]} where
 * @property {string | null} interval
 * @property {number | null} limit
 * @property {string} title
 * @property {number} width columns of twelve
 */

/**
 * @typedef {object} Dashboard
 * @property {string[]} path in the address
 * @property {string} title
 * @property {string} description
 * @property {string} range that it shows at first; empty leaves it to the data
 * @property {string} interval
 * @property {Panel[]} panels
 * @property {Metric[]} metrics that its panels show
 */

/** @typedef {{ dashboards: Dashboard[], example: object, applications: Application[], metrics: Map<string, Metric> }} Catalog `example`: a first event */

/** @typedef {Map<string, import('./contract.js').Entity>} Entities by name */

const COLUMNS = 12;

/** @returns {Promise<Catalog>} @throws {import('./api.js').Problem} */
export async function loadCatalog() {
  const [listed, defined] = await Promise.all([get('v1/metrics'), get('v1/definitions')]);
  /** @type {Application[]} */
  const applications = defined.applications;
  const metrics = metricsOf(listed.metrics);
  const entities = new Map(applications.flatMap((application) => Object.entries(application.entity ?? {})));
  const declared = applications.flatMap((application) => declaredIn(application, metrics, entities));
  const every = [...metrics.values()];
  return {
    dashboards: every.length ? [...declared, allMetrics(every)] : declared,
    example: exampleOf(applications),
    applications,
    metrics,
  };
}

/** @param {Metric} metric @returns {string} */
export function titleOf(metric) {
  return metric.title && metric.title !== metric.name ? metric.title : sentence(metric.name);
}

/**
 * The metric by which groups are ranked: the first that counts or adds up.
 * @param {readonly Metric[]} metrics
 * @param {string} [dimension]
 * @returns {Metric | null}
 */
export function leadingMetric(metrics, dimension) {
  const fitting = dimension ? metrics.filter((one) => one.by.includes(dimension)) : metrics;
  return fitting.find((one) => one.aggregate === 'count') ?? fitting.find(isAdditive) ?? fitting[0] ?? null;
}

/** @param {Metric[]} listed @returns {Map<string, Metric>} by name */
function metricsOf(listed) {
  const metrics = new Map(listed.map((one) => [one.name, one]));
  for (const one of listed) {
    if (!one.ratio) continue;
    // A ratio can be split by what both of its metrics can be split by.
    const [above, below] = one.ratio.map((name) => metrics.get(name)?.by ?? []);
    metrics.set(one.name, { ...one, by: (above ?? []).filter((name) => below?.includes(name)) });
  }
  return metrics;
}

/** @param {Application} application @param {Map<string, Metric>} metrics @param {Entities} entities @returns {Dashboard[]} */
function declaredIn(application, metrics, entities) {
  return Object.entries(application.dashboard ?? {}).map(([name, one]) => {
    const panels = one.panels.flatMap((panel, place) => panelsOf(panel, place, metrics, entities));
    return {
      path: ['dashboards', application.name, name],
      title: one.title || sentence(name),
      description: one.description ?? '',
      range: one.range ?? '',
      interval: one.interval ?? '',
      panels,
      metrics: [...new Set(panels.flatMap((panel) => panel.metrics))],
    };
  });
}

/** Numbers stand one to a tile, however they were declared. @param {import('./contract.js').Panel} panel @param {number} place @param {Map<string, Metric>} metrics @param {Entities} [entities] @returns {Panel[]} */
function panelsOf(panel, place, metrics, entities) {
  const names = panel.metric ?? [];
  const sets = panel.kind === 'number' ? names.map((name) => [name]) : [names];
  return sets.map((set, at) => ({
    kind: panel.kind,
    key: `${place}.${at}`,
    metrics: set.map((name) => metrics.get(name)).filter((one) => one !== undefined),
    missing: set.filter((name) => !metrics.has(name)),
    entity: entityOf(panel.entity, entities),
    by: panel.by?.[0] ?? null,
    where: panel.where ?? [],
    interval: panel.interval ?? null,
    limit: panel.limit ?? null,
    title: sets.length === 1 ? (panel.title ?? '') : '',
    width: panel.width ?? (panel.kind === 'top' ? COLUMNS / 2 : COLUMNS),
  }));
}

/** @param {string | undefined} name @param {Entities | undefined} entities @returns {Panel['entity']} */
function entityOf(name, entities) {
  const found = name === undefined ? undefined : entities?.get(name);
  return name !== undefined && found ? [name, found] : null;
}

/** @param {Metric[]} metrics @returns {Dashboard} */
function allMetrics(metrics) {
  const leading = leadingMetric(metrics);
  /** @type {import('./contract.js').Panel[]} */
  const panels = [{ kind: 'number', metric: metrics.map((one) => one.name) }];
  for (const one of metrics) panels.push({ kind: valueOfNothing(one) === 0 ? 'bar' : 'line', metric: [one.name] });
  for (const dimension of leading?.by ?? []) {
    panels.push({ kind: 'top', metric: [/** @type {Metric} */ (leading).name], by: [dimension] });
  }
  const known = new Map(metrics.map((one) => [one.name, one]));
  return {
    ...{ path: ['metrics'], title: 'All metrics', description: '', range: '', interval: '', metrics },
    panels: panels.flatMap((panel, place) => panelsOf(panel, place, known)),
  };
}

/** `mean_delay` as `Mean delay`. @param {string} name */
export function sentence(name) {
  const words = name.replace(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

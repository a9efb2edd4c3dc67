/**
 * Which groups of a dimension the charts of a page show, and in which colours.
 *
 * In the flow: receives a dimension, the metric that ranks its groups and the reader's choices from the dashboard;
 * hands every panel the same few groups.
 * Guarantee: while the question stays the same no group leaves, however the ranks move; so lines do not
 * change colour under the reader's eyes.
 */

import { LiveQuery } from '../data/livequery.js';
import { colours } from '../services.js';
import { SERIES_MAX } from '../view/colours.js';
import { questionOf } from '../view/question.js';
import { rank } from './top-list.js';

/** @typedef {{ query: LiveQuery, question: string, version: number, groups: Map<string, number> | null }} Ranked */

export class Groups {
  /** @param {import('../vendor/lit/lit-element.js').ReactiveControllerHost} host */
  constructor(host) {
    this.#host = host;
  }

  #host;
  /** @type {Map<string, Ranked>} by dimension */
  #ranked = new Map();

  /**
   * @param {string} dimension
   * @param {import('../data/contract.js').Metric} metric that ranks the groups
   * @param {import('../view/question.js').Choices} choices
   * @returns {Map<string, number> | null} null until the first answer
   */
  of(dimension, metric, choices) {
    let ranked = this.#ranked.get(dimension);
    if (!ranked) {
      ranked = { query: new LiveQuery(this.#host), question: '', version: -1, groups: null };
      this.#ranked.set(dimension, ranked);
    }
    const question = questionOf(metric, choices, { interval: null, by: dimension });
    ranked.query.ask(question);
    const { view, stale } = ranked.query;
    const isNew = question !== ranked.question;
    if (!view || view.state === 'waiting' || stale || (!isNew && view.version === ranked.version)) return ranked.groups;
    const kept = isNew ? [] : [...(ranked.groups?.keys() ?? [])];
    const names = rank(view.rows.values(), dimension).map((one) => one.name);
    const shown = [...new Set([...kept, ...names])].slice(0, SERIES_MAX);
    if (isNew || shown.length !== ranked.groups?.size) ranked.groups = colours.assign(dimension, shown);
    ranked.question = question;
    ranked.version = view.version;
    return ranked.groups;
  }

  /** Stop asking about dimensions that are no longer shown. @param {ReadonlySet<string>} dimensions */
  keepOnly(dimensions) {
    for (const [dimension, ranked] of this.#ranked) {
      if (dimensions.has(dimension)) continue;
      ranked.query.ask('');
      this.#host.removeController(ranked.query);
      this.#ranked.delete(dimension);
    }
  }
}

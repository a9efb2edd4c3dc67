/**
 * The largest groups of one metric, each with a bar; choosing one filters the page.
 *
 * In the flow: receives a metric, a dimension and the reader's choices; asks its question; hands the page a filter
 * (`filter` event).
 * Guarantee: ordered by value, then by name, so that equal groups do not change places for no reason.
 */

import { html, nothing, svg } from '../vendor/lit/lit-element.js';
import { repeat } from '../vendor/lit/repeat.js';
import { asNumber } from '../data/exact.js';
import { titleOf } from '../data/catalog.js';
import { LiveQuery } from '../data/livequery.js';
import { isAdditive, shareText, valueText } from '../view/numbers.js';
import { questionOf } from '../view/question.js';
import { groupOf } from '../view/series.js';
import { Part, flash, uniqueId } from './part.js';

/** @typedef {{ name: string, value: import('../data/contract.js').Value, size: number }} Group */

const SHOWN = 10;

export class TopList extends Part {
  static properties = {
    metric: { attribute: false },
    dimension: {},
    name: {},
    choices: { attribute: false },
    groups: { attribute: false },
    limit: { attribute: false },
  };

  constructor() {
    super();
    /** @type {import('../data/contract.js').Metric} */
    this.metric = { name: '', aggregate: 'count', by: [] };
    this.dimension = '';
    this.name = '';
    /** @type {import('../view/question.js').Choices | null} */
    this.choices = null;
    /** @type {Map<string, number> | null} colours of the groups that the charts show */
    this.groups = null;
    /** @type {number | null} */
    this.limit = null;
  }

  #query = new LiveQuery(this);
  #id = uniqueId('top');
  #version = -1;

  willUpdate() {
    if (this.choices) {
      this.#query.ask(questionOf(this.metric, this.choices, { interval: null, by: this.dimension }));
    }
    this.dataset.stale = String(this.#query.stale);
    const view = this.#query.view;
    this.dataset.state = view?.state === 'ready' && !view.rows.size ? 'empty' : (view?.state ?? 'waiting');
  }

  render() {
    const { metric } = this;
    return html`<section class="panel" aria-labelledby=${this.#id}>
      <header class="panel-head">
        <h2 id=${this.#id}>${this.name || `${titleOf(metric)} by ${this.dimension}`} <span class="unit">${metric.unit}</span></h2>
      </header>
      ${this.#body()}
    </section>`;
  }

  #body() {
    const view = this.#query.view;
    if (!view || view.state === 'waiting') return html`<div class="panel-empty"><p class="quiet">Counting…</p></div>`;
    if (view.state === 'problem') {
      return html`<div class="panel-empty"><p role="alert"><strong>${view.problem?.title}</strong><br />${view.problem?.detail}</p></div>`;
    }
    if (!view.rows.size) return html`<div class="panel-empty"><p>Nothing in this range.</p></div>`;
    const groups = rank(view.rows.values(), this.dimension);
    const shown = groups.slice(0, this.limit ?? SHOWN);
    const most = Math.max(0, ...shown.map((one) => one.size));
    const whole = isAdditive(this.metric) ? groups.reduce((sum, one) => sum + one.size, 0) : 0;
    return html`<div class="top-body"><table class="top">
      <thead class="unseen"><tr><th scope="col">${this.dimension}</th><th scope="col">${this.metric.unit || 'value'}</th><th scope="col">share</th></tr></thead>
      <tbody>${repeat(shown, (one) => one.name, (one) => this.#row(one, most, whole))}</tbody>
    </table>
    ${groups.length > shown.length ? html`<p class="quiet top-rest">and ${groups.length - shown.length} more</p>` : nothing}</div>`;
  }

  /** @param {Group} group @param {number} most @param {number} whole */
  #row(group, most, whole) {
    const colour = this.groups ? (this.groups.get(group.name) ?? -1) : nothing;
    const width = most > 0 ? Math.max(0, (group.size / most) * 100) : 0;
    return html`<tr>
      <th scope="row">
        <button class="top-name" title="Show only ${group.name}" @click=${() => this.#filter(group.name)}>${group.name}</button>
      </th>
      <td class="top-bar" data-colour=${colour} aria-hidden="true">
        <svg width="100%" height="8" preserveAspectRatio="none">${svg`<rect width="${width.toFixed(2)}%" height="8" rx="1"></rect>`}</svg>
      </td>
      <td class="number" data-group=${group.name}>${valueText(group.value, this.metric)}</td>
      ${whole ? html`<td class="number quiet top-share">${shareText(group.size, whole)}</td>` : nothing}
    </tr>`;
  }

  updated() {
    const view = this.#query.view;
    if (!view || view.version === this.#version) return;
    const isNews = this.#version >= 0;
    this.#version = view.version;
    for (const bucket of isNews ? view.changed : []) {
      const row = view.rows.get(bucket);
      if (row) flash(this.querySelector(`[data-group="${CSS.escape(groupOf(row, this.dimension))}"]`));
    }
  }

  /** @param {string} group */
  #filter(group) {
    const detail = `${this.dimension}:${group}`;
    this.dispatchEvent(new CustomEvent('filter', { detail, bubbles: true }));
  }
}

/**
 * @param {Iterable<import('../data/contract.js').Row>} rows
 * @param {string} dimension
 * @returns {Group[]} largest first
 */
export function rank(rows, dimension) {
  const groups = Array.from(rows, (row) => ({ name: groupOf(row, dimension), value: row.value, size: asNumber(row.value) ?? 0 }));
  return groups.sort((one, other) => other.size - one.size || (one.name < other.name ? -1 : 1));
}

customElements.define('lt-top-list', TopList);

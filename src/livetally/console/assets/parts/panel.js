/**
 * Statistics over time: their name, what they say now, the chart, and the table beside or below it.
 *
 * In the flow: receives a panel, the reader's choices and the groups to show from the dashboard; asks a question for
 * each metric; hands columns to chart, read-out and table.
 * Guarantee: every state is said in words in the place of the chart: waiting, nothing in this range, refused.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { LiveQuery } from '../data/livequery.js';
import { titleOf } from '../data/catalog.js';
import { colours, timeAxis } from '../services.js';
import { valueOfNothing } from '../view/numbers.js';
import { bucketsOf, questionOf } from '../view/question.js';
import { NO_COLUMNS, REST, columnsOf, groupOf, reachOf } from '../view/series.js';
import { Part, uniqueId } from './part.js';
import './chart.js';
import './panel-menu.js';
import './readout.js';
import './table.js';

/** @typedef {import('../data/contract.js').Metric} Metric */
/** @typedef {import('../view/question.js').Choices} Choices */

/** From this width on the table stands beside the chart. */
const BESIDE_PX_MIN = 880;
/** A table of more columns than this stands below even then. */
const BESIDE_COLUMNS_MAX = 2;

export class Panel extends Part {
  static properties = {
    metrics: { attribute: false },
    kind: {},
    name: {},
    choices: { attribute: false },
    by: {},
    groups: { attribute: false },
    wide: { state: true },
    tableChosen: { state: true },
  };

  constructor() {
    super();
    /** @type {Metric[]} */
    this.metrics = [];
    /** @type {'line' | 'bar' | 'table'} */
    this.kind = 'line';
    this.name = '';
    /** @type {Choices | null} */
    this.choices = null;
    /** @type {string | null} the dimension by which this panel is split */
    this.by = null;
    /** @type {Map<string, number> | null} null while the largest groups are not yet known */
    this.groups = null;
    this.wide = false;
    /** @type {boolean | null} null until the reader chose: then the width decides */
    this.tableChosen = null;
    this.data = NO_COLUMNS;
    /** @type {ReadonlySet<string>} cells as `ms|column` */
    this.changed = new Set();
  }

  /** @type {LiveQuery[]} one for each metric */
  #queries = [];
  #id = uniqueId('panel');
  #shaped = '';
  #onReach = () => this.requestUpdate();
  /** @type {ResizeObserver | null} */
  #sizes = null;

  connectedCallback() {
    super.connectedCallback();
    timeAxis.addEventListener('reach', this.#onReach);
    this.#sizes = new ResizeObserver(([entry]) => {
      this.wide = (entry?.contentRect.width ?? 0) >= BESIDE_PX_MIN;
    });
    this.#sizes.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    timeAxis.removeEventListener('reach', this.#onReach);
    this.#sizes?.disconnect();
  }

  willUpdate() {
    const { choices } = this;
    if (!choices) return;
    while (this.#queries.length < this.metrics.length) this.#queries.push(new LiveQuery(this));
    this.metrics.forEach((metric, at) => {
      this.#queries[at]?.ask(questionOf(metric, choices, { interval: choices.interval, by: this.by }));
    });
    if (!this.#isStale() && this.#views().every((view) => view?.state === 'ready')) this.#shape(choices);
    this.dataset.state = this.#state();
    this.dataset.stale = String(this.#isStale());
  }

  /** @param {Choices} choices */
  #shape(choices) {
    const { interval, tz, range } = choices;
    const views = this.#views().filter((view) => view !== null);
    for (const view of views) {
      const reach = reachOf(view.rows.values());
      if (reach) timeAxis.reachTo(...reach);
    }
    const { first = timeAxis.first, last = timeAxis.last } = withoutNull(bucketsOf(choices, Date.now()));
    const groups = this.groups ?? new Map();
    const shaped = JSON.stringify([views.map((view) => view.version), interval, tz, range, this.by, [...groups], first, last]);
    if (shaped === this.#shaped) return;
    const names = this.#names();
    this.changed = this.#shaped ? new Set(views.flatMap((view, at) => this.#changedCells(view, names[at] ?? ''))) : new Set();
    this.#shaped = shaped;
    const numbers = this.metrics.length > 1 ? colours.assign('metric', names) : new Map();
    const sources = this.metrics.map((metric, at) => {
      const name = names[at] ?? '';
      return { metric, name, colour: numbers.get(name) ?? null, rows: views[at]?.rows.values() ?? [] };
    });
    this.data = columnsOf(sources, { interval, tz, range, dimension: this.by, groups, first, last });
  }

  #views() {
    return this.#queries.map((query) => query.view);
  }

  /** The columns' names: none for one metric. @returns {string[]} */
  #names() {
    return this.metrics.length > 1 ? this.metrics.map(titleOf) : [''];
  }

  /** @param {import('../data/live.js').View} view @param {string} name @returns {string[]} */
  #changedCells(view, name) {
    return [...view.changed].map((bucket) => {
      const row = view.rows.get(bucket);
      const group = row && this.by ? groupOf(row, this.by) : name;
      return `${row?.ms}|${!this.by || this.groups?.has(group) ? group : REST}`;
    });
  }

  /** @returns {'waiting' | 'ready' | 'empty' | 'problem'} */
  #state() {
    const views = this.#views();
    if (views.some((view) => view?.state === 'problem')) return 'problem';
    if (!this.#shaped) return 'waiting';
    return views.some((view) => view?.rows.size) ? 'ready' : 'empty';
  }

  /** While a new answer is awaited the old one stays, as it was asked. */
  #isStale() {
    return this.#queries.some((query) => query.stale) || (this.by !== null && !this.groups);
  }

  render() {
    const { choices } = this;
    if (!choices) return nothing;
    const title = this.name || this.metrics.map(titleOf).join(', ');
    const beside = this.wide && this.data.columns.length <= BESIDE_COLUMNS_MAX;
    const table = this.kind === 'table' || (this.tableChosen ?? beside);
    const unit = unitText(this.metrics, this.data.times.length ? this.data.interval : choices.interval);
    const [only] = this.metrics.length === 1 ? this.metrics : [];
    return html`
      <section class="panel" aria-labelledby=${this.#id} data-beside=${beside && this.kind !== 'table'}>
        <header class="panel-head">
          <h2 id=${this.#id}>${title} <span class="unit">${unit}</span></h2>
          ${only?.description ? html`<p class="panel-about">${only.description}</p>` : nothing}
          ${choices.by && choices.by !== this.by ? html`<p class="panel-about">Not split by ${choices.by}.</p>` : nothing}
          <div class="panel-tools">
            ${this.kind === 'table' || this.#state() !== 'ready' ? nothing : this.#tableButton(table)}
            ${this.#state() === 'ready' ? html`<lt-panel-menu .data=${this.data} .title=${title}></lt-panel-menu>` : nothing}
          </div>
        </header>
        ${this.#body(`${title}, ${unit}`, choices, table)}
      </section>
    `;
  }

  /** @param {boolean} shown */
  #tableButton(shown) {
    return html`<button class="plain" aria-expanded=${shown} aria-controls="${this.#id}-table" @click=${() => (this.tableChosen = !shown)}>
      ${shown ? 'Hide table' : 'Show table'}
    </button>`;
  }

  /** @param {string} label @param {Choices} choices @param {boolean} table */
  #body(label, { hidden }, table) {
    const state = this.#state();
    if (state !== 'ready') return html`<div class="panel-empty">${this.#words(state)}</div>`;
    const drawn = { ...this.data, columns: this.data.columns.filter(({ name }) => !name || !hidden.includes(name)) };
    return html`<div class="panel-body">
      ${this.kind === 'table'
        ? nothing
        : html`<div class="panel-plot">
            <lt-readout .data=${this.data} .hiddenColumns=${hidden}></lt-readout>
            <lt-chart .data=${drawn} .kind=${this.kind} .label=${label}></lt-chart>
          </div>`}
      <div class="panel-table" id="${this.#id}-table" ?hidden=${!table}>
        ${table ? html`<lt-table .data=${drawn} .changed=${this.changed} .label=${label}></lt-table>` : nothing}
      </div>
    </div>`;
  }

  /** @param {'waiting' | 'empty' | 'problem'} state */
  #words(state) {
    if (state === 'waiting') return html`<p class="quiet">Counting…</p>`;
    if (state === 'empty') {
      return html`<p>Nothing in this range.</p>
        <button class="plain" @click=${() => this.dispatchEvent(new CustomEvent('show-all', { bubbles: true }))}>Show all</button>`;
    }
    const problem = this.#views().find((view) => view?.problem)?.problem;
    return html`<p role="alert"><strong>${problem?.title ?? 'This can’t be answered'}</strong><br />${problem?.detail}</p>`;
  }
}

/**
 * What one value is, such as `flights per hour`; empty when the metrics differ.
 * @param {readonly Metric[]} metrics
 * @param {string} interval
 * @returns {string}
 */
function unitText(metrics, interval) {
  const [unit, ...others] = new Set(metrics.map((one) => one.unit ?? ''));
  if (others.length) return `by ${interval}`;
  if (metrics.every((one) => valueOfNothing(one) === 0)) return `${unit} per ${interval}`.trim();
  return unit ? `${unit}, by ${interval}` : `by ${interval}`;
}

/** @param {{ first: number | null, last: number | null }} buckets @returns {{ first?: number, last?: number }} */
function withoutNull({ first, last }) {
  return first === null || last === null ? {} : { first, last };
}

customElements.define('lt-panel', Panel);
